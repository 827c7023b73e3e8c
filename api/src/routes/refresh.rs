//! `POST /v1/auth/refresh`

use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::Rotation;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::auth::refresh::{digest_of, generate};
use crate::extract::{Anonymous, Form};
use crate::problem::{Problem, ProblemType};
use crate::session::{self, GoingOn, SessionDocument};

/// A token to be exchanged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshForm {
    /// The one of the last sign-in or refresh.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// Exchange a refresh token for new tokens. Each can be used once; using one again ends the
/// session. Of two requests that race with the same token, the later one is answered with 409.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    tag = "sign-in",
    security(()),
    request_body = RefreshForm,
    responses((status = OK, body = SessionDocument))
)]
pub async fn refresh(
    State(app): State<App>,
    anonymous: Anonymous,
    Form(form): Form<RefreshForm>,
) -> Result<Audited<Json<SessionDocument>>, Problem> {
    let arrived = app.clock.now();
    let (token, digest) = generate();
    let old = digest_of(&form.refresh_token);
    let accounts = app.accounts.within(anonymous.correlation_id);
    let idle = SignedDuration::from_secs(app.settings.session_idle_s.into());
    match accounts.rotate(&old, &digest, arrived, idle, &*app.clock).await? {
        Rotation::Rotated { session, account, expires_at, has_second_factor } => {
            // The session goes on: its beginning was recorded.
            let going_on = GoingOn { id: session, expires_at, has_second_factor };
            let document = session::document(&app, account, going_on, &token);
            Ok(Audited::of_nobody(Json(document)))
        }
        Rotation::JustUsed => Err(ProblemType::AlreadyRefreshed.into()),
        Rotation::Reused { session, account } => {
            tracing::warn!(session.id = %session, "a refresh token was used twice: session ended");
            app.doorkeeper.authenticator.revocations().revoke(session);
            let who = Who { id: account.id, role: account.role, session: Some(session) };
            let refusal = Problem::new(ProblemType::InvalidRefreshToken);
            Err(refusal.noted(Note::token_reuse(who)))
        }
        Rotation::Refused => {
            let refusal = Problem::new(ProblemType::InvalidRefreshToken);
            Err(refusal.noted(Note::sign_in_failure(None)))
        }
    }
}
