//! `GET /v1/locations/{id}`

use axum::extract::State;
use axum::response::Response;
use domain::LocationId;

use crate::app::App;
use crate::extract::{Caller, Id};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::LocationDocument;

/// One location. The ETag goes into If-Match of changes.
#[utoipa::path(
    get,
    path = "/v1/locations/{id}",
    tag = "locations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = LocationDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_location(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<LocationId>,
) -> Result<Response, Problem> {
    let location = app.read_as(&caller).await?.location(id).await?;
    let location = location.ok_or(ProblemType::UnknownLocation)?;
    Ok(LocationDocument::from(&location).shown())
}
