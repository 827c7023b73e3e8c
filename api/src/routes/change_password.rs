//! `POST /v1/auth/password`

use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::account;
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Caller, Form, Session};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication;

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChangeForm {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Change your password. All your other sessions end.
#[utoipa::path(
    post,
    path = "/v1/auth/password",
    tag = "sign-in",
    request_body = PasswordChangeForm,
    responses((status = NO_CONTENT, description = "The new password counts"))
)]
pub async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Session(session): Session,
    recorder: Recorder,
    Form(form): Form<PasswordChangeForm>,
) -> Result<StatusCode, Problem> {
    let owner = reauthentication::with_password(&app, &caller, form.current_password).await?;
    let names: Vec<&str> = owner.names.iter().map(String::as_str).collect();
    let email = &owner.account.email;
    let hash = account::hash(&app, form.new_password, email, &names, "/new_password").await?;
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, caller.actor.id);
    let accounts = app.accounts.within(caller.correlation_id);
    let changing = async {
        let ended = accounts.change_password(&owner, &hash, session, app.clock.now()).await?;
        ended.ok_or_else(|| ProblemType::WrongPassword.into())
    };
    app.end_sessions(recorder.around(note, changing).await?);
    Ok(StatusCode::NO_CONTENT)
}
