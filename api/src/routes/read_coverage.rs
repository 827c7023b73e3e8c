//! `GET /v1/coverages/{id}`

use axum::Json;
use axum::extract::State;
use domain::CoverageId;

use crate::app::App;
use crate::coverage::CoverageDocument;
use crate::extract::{Booker, Id};
use crate::problem::Problem;

/// One coverage, with what the insurer says of it, or said last and how long ago.
#[utoipa::path(
    get,
    path = "/v1/coverages/{id}",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = CoverageDocument))
)]
pub async fn read_coverage(
    State(app): State<App>,
    Booker(caller): Booker,
    Id(id): Id<CoverageId>,
) -> Result<Json<CoverageDocument>, Problem> {
    Ok(Json(app.coverage(&caller, id).await?))
}
