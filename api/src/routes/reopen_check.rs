//! `POST /v1/eligibility-checks/{id}/reopen`

use axum::Json;
use axum::extract::State;
use domain::EligibilityCheckId;

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::{CheckDocument, DecisionForm};
use crate::extract::{Administrator, Form, Id};
use crate::problem::Problem;

/// Take back what somebody decided: it is the insurer's to say again, who is asked at once.
#[utoipa::path(
    post,
    path = "/v1/eligibility-checks/{id}/reopen",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    request_body = DecisionForm,
    responses((status = OK, body = CheckDocument))
)]
pub async fn reopen_check(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(id): Id<EligibilityCheckId>,
    Form(DecisionForm { reason }): Form<DecisionForm>,
) -> Result<Json<CheckDocument>, Problem> {
    app.decide_check(&caller, &recorder, id, None, &reason).await.map(Json)
}
