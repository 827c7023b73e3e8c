//! `GET /v1/coverages/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::CoverageId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::coverage::CoverageDocument;
use crate::extract::{Booker, Id, etag};
use crate::problem::Problem;

/// One coverage, with what the insurer says of it, or said last and how long ago. The ETag goes into
/// If-Match of changes.
#[utoipa::path(
    get,
    path = "/v1/coverages/{id}",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = CoverageDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_coverage(
    State(app): State<App>,
    Booker(caller): Booker,
    Id(id): Id<CoverageId>,
) -> Result<Audited<Response>, Problem> {
    let coverage = app.coverage(&caller, id).await?;
    let note = Note::read(ResourceKind::Coverage, id.as_uuid(), coverage.patient_id);
    let note = note.in_version(coverage.version);
    let tag = [(ETAG, etag(coverage.version))];
    Ok(Audited::new(note, (tag, Json(coverage)).into_response()))
}
