//! `POST /v1/eligibility-checks/{id}/self-pay`

use axum::Json;
use axum::extract::State;
use domain::{EligibilityCheckId, EligibilityDecision};

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::{CheckDocument, DecisionForm};
use crate::extract::{Administrator, Form, Id};
use crate::problem::Problem;

/// Settle a check: the patient pays, and the insurer isn't asked any more.
#[utoipa::path(
    post,
    path = "/v1/eligibility-checks/{id}/self-pay",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    request_body = DecisionForm,
    responses((status = OK, body = CheckDocument))
)]
pub async fn self_pay(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(id): Id<EligibilityCheckId>,
    Form(DecisionForm { reason }): Form<DecisionForm>,
) -> Result<Json<CheckDocument>, Problem> {
    let decision = Some(EligibilityDecision::SelfPay);
    app.decide_check(&caller, &recorder, id, decision, &reason).await.map(Json)
}
