//! `POST /v1/auth/password-reset/confirm`

use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::account;
use crate::app::App;
use crate::audit::{Note, Recorder, Who};
use crate::auth::refresh::digest_of;
use crate::extract::{Anonymous, Form, Origin};
use crate::problem::{Problem, ProblemType};

/// A new password, by whoever holds the permission.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetForm {
    /// What was handed over or sent.
    #[schema(value_type = String)]
    reset_token: SecretString,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Choose a new password. All sessions end; the second factor stays. The token counts once, and a
/// password that is refused doesn't use it up.
#[utoipa::path(
    post,
    path = "/v1/auth/password-reset/confirm",
    tag = "sign-in",
    security(()),
    request_body = ResetForm,
    responses((status = NO_CONTENT, description = "The new password counts"))
)]
pub async fn reset_password(
    State(app): State<App>,
    anonymous: Anonymous,
    origin: Origin,
    recorder: Recorder,
    Form(form): Form<ResetForm>,
) -> Result<StatusCode, Problem> {
    origin.count_attempt(&app)?;
    let accounts = app.accounts.within(anonymous.correlation_id);
    let token = digest_of(&form.reset_token);
    let Some(owner) = accounts.reset_owner(&token, app.clock.now()).await? else {
        let refusal = Problem::new(ProblemType::InvalidResetToken);
        return Err(refusal.noted(Note::sign_in_failure(None)));
    };
    let account = &owner.account;
    let names: Vec<&str> = owner.names.iter().map(String::as_str).collect();
    let hash =
        account::hash(&app, form.new_password, &account.email, &names, "/new_password").await?;
    let who = Who { id: account.id, role: account.role, session: None };
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, account.id).by(who);
    let resetting = async {
        let ended = accounts.reset_password(&token, account, &hash, app.clock.now()).await?;
        ended.ok_or_else(|| ProblemType::InvalidResetToken.into())
    };
    app.end_sessions(recorder.around(note, resetting).await?);
    Ok(StatusCode::NO_CONTENT)
}
