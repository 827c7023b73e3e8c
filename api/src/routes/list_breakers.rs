//! `GET /v1/breakers`

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::breakers::BreakerDocument;
use crate::documents::ListDocument;
use crate::extract::Maintainer;
use crate::problem::Problem;

/// The payers' circuit breakers: who decides, and how each worker's stands.
#[utoipa::path(
    get,
    path = "/v1/breakers",
    tag = "operation",
    responses((status = OK, body = ListDocument<BreakerDocument>))
)]
pub async fn list_breakers(
    State(app): State<App>,
    _operator: Maintainer,
) -> Result<Json<ListDocument<BreakerDocument>>, Problem> {
    Ok(Json(ListDocument { items: app.breakers().await? }))
}
