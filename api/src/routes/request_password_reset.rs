//! `POST /v1/auth/password-reset`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Email;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Anonymous, Form, Origin};
use crate::problem::Problem;

/// Somebody who has forgotten their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequestForm {
    /// The address of the account.
    #[schema(value_type = String, format = Email)]
    email: Email,
}

/// What becomes of it, whether or not there is such an account.
#[derive(Serialize, ToSchema)]
pub struct ResetRequestedDocument {
    /// What to do now.
    detail: &'static str,
}

/// Ask for a new password. The answer doesn't tell whether there is such an account.
#[utoipa::path(
    post,
    path = "/v1/auth/password-reset",
    tag = "sign-in",
    security(()),
    request_body = ResetRequestForm,
    responses((status = ACCEPTED, body = ResetRequestedDocument))
)]
pub async fn request_password_reset(
    State(app): State<App>,
    anonymous: Anonymous,
    origin: Origin,
    Form(form): Form<ResetRequestForm>,
) -> Result<(StatusCode, Json<ResetRequestedDocument>), Problem> {
    origin.count_attempt(&app)?;
    let accounts = app.accounts.within(anonymous.correlation_id);
    accounts.request_reset(&form.email, app.clock.now()).await?;
    let detail = "If there is such an account, its owner is told how to go on. The front desk can \
                  help at once.";
    Ok((StatusCode::ACCEPTED, Json(ResetRequestedDocument { detail })))
}
