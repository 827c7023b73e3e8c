//! `GET /v1/patients/{id}/coverages`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::PatientId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::coverage::CoverageDocument;
use crate::documents::ListDocument;
use crate::extract::{Booker, Id};
use crate::problem::Problem;

/// Who insures a patient, and what the insurers say: the patient's own, or anybody's for
/// administrators.
#[utoipa::path(
    get,
    path = "/v1/patients/{id}/coverages",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ListDocument<CoverageDocument>))
)]
pub async fn list_coverages(
    State(app): State<App>,
    Booker(caller): Booker,
    Id(patient): Id<PatientId>,
) -> Result<Audited<Json<ListDocument<CoverageDocument>>>, Problem> {
    let items = app.coverages_of(&caller, patient).await?;
    let note = Note::search(ResourceKind::Coverage, [patient]);
    Ok(Audited::new(note, Json(ListDocument { items })))
}
