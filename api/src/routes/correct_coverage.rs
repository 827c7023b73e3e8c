//! `PUT /v1/coverages/{id}`

use axum::extract::State;
use axum::response::Response;
use contracts::TraceContext;
use domain::CoverageId;
use runtime::telemetry::propagation;
use store::reading::{CoverageRow, NewCoverage};

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::{CoverageDocument, CoverageForm};
use crate::extract::{Booker, Form, Id, IfMatch};
use crate::problem::{Problem, ProblemType};

/// Replace what is known of a coverage: the insurer is asked anew, and what it said before is
/// forgotten. Patients correct their own. Whose coverage it is can't be changed.
#[utoipa::path(
    put,
    path = "/v1/coverages/{id}",
    tag = "coverages",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag that was read"),
    ),
    request_body = CoverageForm,
    responses((status = OK, body = CoverageDocument,
        headers(("ETag" = String, description = "The new version"))))
)]
pub async fn correct_coverage(
    State(app): State<App>,
    Booker(caller): Booker,
    recorder: Recorder,
    Id(id): Id<CoverageId>,
    IfMatch(version): IfMatch,
    Form(form): Form<CoverageForm>,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let mut change = app.change_as(&caller).await?;
    let found = change.coverage(id).await?.ok_or(ProblemType::NotFound)?;
    let coverage = CoverageRow { id, ..form.coverage(found.patient_id, now)? };
    let traceparent = propagation::current_trace_context().as_ref().map(TraceContext::traceparent);
    let new = NewCoverage {
        coverage: &coverage,
        correlation_id: caller.correlation_id,
        traceparent: traceparent.as_deref(),
    };
    let made = change.correct_coverage(new, version, now).await?;
    app.keep_coverage(&recorder, change, made).await
}
