//! `POST /v1/auth/logout`

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::EndedSession;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
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
) -> Result<Audited<StatusCode>, Problem> {
    let accounts = app.accounts.within(anonymous.correlation_id);
    let ended = accounts.end_session(&digest_of(&form.refresh_token), app.clock.now()).await?;
    let Some(EndedSession { id, user }) = ended else {
        return Ok(Audited::of_nobody(StatusCode::NO_CONTENT));
    };
    app.doorkeeper.authenticator.revocations().revoke(id);
    let who = Who { id: user.id, role: user.role, session: Some(id) };
    Ok(Audited::new(Note::sign_out(who), StatusCode::NO_CONTENT))
}
