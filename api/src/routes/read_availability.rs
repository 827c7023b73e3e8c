//! `GET /v1/doctors/{id}/availability`

use axum::Json;
use axum::extract::State;
use domain::PractitionerId;

use crate::app::App;
use crate::extract::{Caller, Id};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::AvailabilityDocument;

/// When a doctor works in a week. Dates that differ are read apart from it.
#[utoipa::path(
    get,
    path = "/v1/doctors/{id}/availability",
    tag = "doctors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = AvailabilityDocument))
)]
pub async fn read_availability(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PractitionerId>,
) -> Result<Json<AvailabilityDocument>, Problem> {
    let known = app.read_as(&caller).await?.availability(id).await?;
    let known = known.ok_or(ProblemType::UnknownPractitioner)?;
    let availability = known.ok_or_else(|| {
        Problem::new(ProblemType::NotFound).with_detail("this doctor has no opening hours yet")
    })?;
    Ok(Json(AvailabilityDocument::new(id, &availability)))
}
