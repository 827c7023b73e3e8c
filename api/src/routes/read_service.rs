//! `GET /v1/services/{id}`

use axum::extract::State;
use axum::response::Response;
use domain::HealthcareServiceId;

use crate::app::App;
use crate::extract::{Caller, Id};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::ServiceDocument;

/// One visit type. The ETag goes into If-Match of changes.
#[utoipa::path(
    get,
    path = "/v1/services/{id}",
    tag = "services",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ServiceDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_service(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<HealthcareServiceId>,
) -> Result<Response, Problem> {
    let service = app.read_as(&caller).await?.service(id).await?;
    let service = service.ok_or(ProblemType::UnknownService)?;
    Ok(ServiceDocument::from(&service).shown())
}
