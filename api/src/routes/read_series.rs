//! `GET /v1/series/{id}`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::SeriesId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};
use crate::visits::SeriesDocument;

/// The visits of a series, whatever became of each.
#[utoipa::path(
    get,
    path = "/v1/series/{id}",
    tag = "appointments",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = SeriesDocument))
)]
pub async fn read_series(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<SeriesId>,
) -> Result<Audited<Json<SeriesDocument>>, Problem> {
    let visits = app.read_as(&caller).await?.appointments_of_series(id).await?;
    if visits.is_empty() {
        return Err(ProblemType::UnknownSeries.into());
    }
    let note = Note::search(ResourceKind::Appointment, visits.iter().map(|it| it.patient_id));
    Ok(Audited::new(note, Json(SeriesDocument::new(id, &visits))))
}
