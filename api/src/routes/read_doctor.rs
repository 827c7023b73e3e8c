//! `GET /v1/doctors/{id}`

use axum::Json;
use axum::extract::State;
use domain::PractitionerId;

use crate::app::App;
use crate::documents::PractitionerDocument;
use crate::extract::{Caller, Id};
use crate::problem::{Problem, ProblemType};

/// One doctor.
#[utoipa::path(
    get,
    path = "/v1/doctors/{id}",
    tag = "doctors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = PractitionerDocument))
)]
pub async fn read_doctor(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PractitionerId>,
) -> Result<Json<PractitionerDocument>, Problem> {
    let practitioner = app.read_as(&caller).await?.practitioner(id).await?;
    Ok(Json(practitioner.ok_or(ProblemType::UnknownPractitioner)?.into()))
}
