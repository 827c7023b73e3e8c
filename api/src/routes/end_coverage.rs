//! `POST /v1/coverages/{id}/end`

use axum::extract::State;
use axum::response::Response;
use domain::CoverageId;

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::{CoverageDocument, EndCoverageForm};
use crate::extract::{Booker, Form, Id, IfMatch};
use crate::problem::Problem;

/// End a coverage, with a last day or at once. Nobody asks the insurer about visits after it any
/// more. Patients end their own.
#[utoipa::path(
    post,
    path = "/v1/coverages/{id}/end",
    tag = "coverages",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag that was read"),
    ),
    request_body = EndCoverageForm,
    responses((status = OK, body = CoverageDocument,
        headers(("ETag" = String, description = "The new version"))))
)]
pub async fn end_coverage(
    State(app): State<App>,
    Booker(caller): Booker,
    recorder: Recorder,
    Id(id): Id<CoverageId>,
    IfMatch(version): IfMatch,
    Form(form): Form<EndCoverageForm>,
) -> Result<Response, Problem> {
    let last_day = form.last_day()?;
    let mut change = app.change_as(&caller).await?;
    let made = change.end_coverage(id, version, last_day, app.clock.now()).await?;
    app.keep_coverage(&recorder, change, made).await
}
