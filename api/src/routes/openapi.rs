//! `GET /openapi.json`

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// This description, where it is served.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    security(()),
    responses((status = OK, description = "OpenAPI 3.1"))
)]
pub async fn openapi(State(app): State<App>) -> Response {
    if !app.settings.serve_docs {
        return Problem::new(ProblemType::NotFound).into_response();
    }
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, Body::from(app.openapi.clone())).into_response()
}
