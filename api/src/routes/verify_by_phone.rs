//! `POST /v1/eligibility-checks/{id}/verify-by-phone`

use axum::Json;
use axum::extract::State;
use domain::{EligibilityCheckId, EligibilityDecision};

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::{CheckDocument, DecisionForm};
use crate::extract::{Administrator, Form, Id};
use crate::problem::Problem;

/// Settle a check: somebody asked the insurer by telephone, and the visit is covered. An answer of
/// the insurer that comes later is shown beside it; one that says otherwise brings the check back to
/// the work list.
#[utoipa::path(
    post,
    path = "/v1/eligibility-checks/{id}/verify-by-phone",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    request_body = DecisionForm,
    responses((status = OK, body = CheckDocument))
)]
pub async fn verify_by_phone(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(id): Id<EligibilityCheckId>,
    Form(DecisionForm { reason }): Form<DecisionForm>,
) -> Result<Json<CheckDocument>, Problem> {
    let decision = Some(EligibilityDecision::VerifiedByPhone);
    app.decide_check(&caller, &recorder, id, decision, &reason).await.map(Json)
}
