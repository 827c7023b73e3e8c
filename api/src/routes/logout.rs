//! `POST /v1/auth/logout`

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::refresh::digest_of;
use crate::extract::{Anonymous, Form};
use crate::problem::Problem;

/// Which session ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutForm {
    /// Any refresh token of the session.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// End a session: its refresh tokens at once, its access tokens within seconds.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "sign-in",
    security(()),
    request_body = LogoutForm,
    responses((status = NO_CONTENT, description = "There is no such session any more"))
)]
pub async fn logout(
    State(app): State<App>,
    anonymous: Anonymous,
    Form(form): Form<LogoutForm>,
) -> Result<StatusCode, Problem> {
    let accounts = app.accounts.within(anonymous.correlation_id);
    let ended = accounts.end_session(&digest_of(&form.refresh_token), app.clock.now()).await?;
    if let Some(session) = ended {
        app.doorkeeper.authenticator.revocations().revoke(session);
    }
    Ok(StatusCode::NO_CONTENT)
}
