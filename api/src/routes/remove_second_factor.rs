//! `POST /v1/second-factor/remove`

use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Caller, Form};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication::{self, SecondFactorForm, wrong_code};

/// Somebody who wants another authenticator, or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalForm {
    /// The present password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Six digits, from the authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "123456")]
    code: Option<SecretString>,
    /// Instead of them.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recovery_code: Option<SecretString>,
}

/// Remove your second factor. Whoever needs one has to enrol another before anything else, from the
/// next refresh or sign-in on.
#[utoipa::path(
    post,
    path = "/v1/second-factor/remove",
    tag = "sign-in",
    request_body = RemovalForm,
    responses((status = NO_CONTENT, description = "Sign-ins ask for no code any more"))
)]
pub async fn remove_second_factor(
    State(app): State<App>,
    caller: Caller,
    recorder: Recorder,
    Form(form): Form<RemovalForm>,
) -> Result<StatusCode, Problem> {
    let RemovalForm { password, code, recovery_code } = form;
    reauthentication::with_password(&app, &caller, password).await?;
    let user = caller.actor.id;
    let accounts = app.accounts.within(caller.correlation_id);
    let authenticator = accounts.authenticator(user).await?;
    let authenticator = authenticator.filter(|known| known.confirmed_at.is_some());
    let authenticator = authenticator.ok_or(ProblemType::SecondFactorMissing)?;
    let shown = SecondFactorForm { code, recovery_code };
    let shown = shown.check(&app, &accounts, user, &authenticator, None).await?;
    let note = Note::administration(AuditAction::Delete, ResourceKind::Person, user);
    let removing = async {
        let (proof, now) = (Some(shown.proof()), app.clock.now());
        if accounts.remove_second_factor(user, proof, now).await? {
            return Ok(());
        }
        Err(wrong_code(&app, &accounts, user, None).await)
    };
    recorder.around(note, removing).await?;
    Ok(StatusCode::NO_CONTENT)
}
