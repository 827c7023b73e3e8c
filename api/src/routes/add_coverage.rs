//! `POST /v1/patients/{id}/coverages`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use contracts::TraceContext;
use contracts::audit::AuditAction;
use domain::{PatientId, Role};
use runtime::telemetry::propagation;
use store::reading::{AddCoverage, NewCoverage};

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::coverage::{CoverageDocument, CoverageForm};
use crate::extract::{Booker, Form, Id, etag};
use crate::problem::{Problem, ProblemType};

/// Say who insures a patient. The insurer is asked by itself: for the coverage, and for each visit
/// to come. Patients add their own.
#[utoipa::path(
    post,
    path = "/v1/patients/{id}/coverages",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    request_body = CoverageForm,
    responses((status = CREATED, body = CoverageDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn add_coverage(
    State(app): State<App>,
    Booker(caller): Booker,
    recorder: Recorder,
    Id(patient): Id<PatientId>,
    Form(form): Form<CoverageForm>,
) -> Result<Response, Problem> {
    let is_own = patient == PatientId::from(caller.actor.id);
    if caller.actor.role == Role::Patient && !is_own {
        return Err(ProblemType::UnknownPatient.into());
    }
    let coverage = form.coverage(patient, app.clock.now())?;
    let traceparent = propagation::current_trace_context().as_ref().map(TraceContext::traceparent);
    let new = NewCoverage {
        coverage: &coverage,
        correlation_id: caller.correlation_id,
        traceparent: traceparent.as_deref(),
    };
    let mut change = app.change_as(&caller).await?;
    match change.add_coverage(new).await? {
        AddCoverage::Added => {
            let note = Note::insured(AuditAction::Create, coverage.id, patient);
            recorder.around(note, async { Ok(change.commit().await?) }).await?;
        }
        AddCoverage::UnknownPatient => return Err(ProblemType::UnknownPatient.into()),
        AddCoverage::AlreadyThere => return Err(ProblemType::CoverageExists.into()),
        AddCoverage::TooMany => return Err(ProblemType::TooManyCoverages.into()),
    }
    tracing::info!(coverage.id = %coverage.id, payer = %coverage.payer, "a coverage was added");
    let location = format!("/v1/coverages/{}", coverage.id);
    let document = CoverageDocument::of(&coverage, None, coverage.created_at);
    let tag = [(ETAG, etag(coverage.version))];
    Ok((StatusCode::CREATED, [(LOCATION, location)], tag, Json(document)).into_response())
}
