//! `PUT /v1/breakers/{payer}`

use axum::Json;
use axum::extract::State;
use contracts::BreakerControl;
use contracts::audit::StatedReason;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::Recorder;
use crate::breakers::BreakerDocument;
use crate::extract::{Form, Maintainer, Payer};
use crate::problem::Problem;

/// Who is to decide whether a payer is asked, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlForm {
    /// `forced_open` (nobody asks), `forced_closed` (everybody asks) or `automatic` (the breaker
    /// decides).
    #[schema(value_type = String, example = "forced_open")]
    control: BreakerControl,
    /// Why, in 3 to 200 characters.
    #[schema(value_type = String)]
    reason: StatedReason,
}

/// Force a payer's circuit breaker open or closed, or let it decide again. Every worker follows
/// within moments, and workers that start later do, too.
#[utoipa::path(
    put,
    path = "/v1/breakers/{payer}",
    tag = "operation",
    params(("payer" = String, Path, description = "The payer's number")),
    request_body = ControlForm,
    responses((status = OK, body = BreakerDocument))
)]
pub async fn control_breaker(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    recorder: Recorder,
    Payer(payer): Payer,
    Form(form): Form<ControlForm>,
) -> Result<Json<BreakerDocument>, Problem> {
    app.control_breaker(&caller, &recorder, &payer, form.control, &form.reason).await?;
    let breakers = app.breakers().await?;
    let found = breakers.into_iter().find(|breaker| breaker.payer == payer);
    Ok(Json(found.unwrap_or_else(|| BreakerDocument::automatic(payer))))
}
