//! `GET /problems/{name}`

use axum::extract::Path;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use crate::problem::{Problem, ProblemType};

/// What a problem's `type` means, in words.
#[utoipa::path(
    get,
    path = "/problems/{name}",
    tag = "operation",
    security(()),
    params(("name" = String, Path)),
    responses((status = OK, body = String, content_type = "text/plain"))
)]
pub async fn problem_type(Path(name): Path<String>) -> Result<Response, Problem> {
    let kind = ProblemType::from_slug(&name).ok_or(ProblemType::NotFound)?;
    let text = format!("{} ({})\n\n{}\n", kind.title(), kind.status().as_u16(), kind.explanation());
    Ok(([(CACHE_CONTROL, "public, max-age=300")], text).into_response())
}
