//! `POST /v1/second-factor/totp/confirm`

use axum::Json;
use axum::extract::State;
use contracts::audit::{AuditAction, ResourceKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::auth::login_wait::refuse_before;
use crate::auth::{recovery_codes, totp};
use crate::extract::{Enrolling, Form, Origin};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication::wrong_code;

/// What the app shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    /// Six digits.
    #[schema(value_type = String, example = "123456")]
    code: SecretString,
}

/// Codes for the day on which the authenticator is lost, each of which counts once. Shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesDocument {
    /// To be kept apart from the authenticator.
    recovery_codes: Vec<String>,
}

impl RecoveryCodesDocument {
    /// Shows these.
    pub fn new(codes: &[SecretString]) -> Self {
        let recovery_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
        Self { recovery_codes }
    }
}

/// Confirm the authenticator with a code. From now on every sign-in asks for one. A token that could
/// only enrol stays so: exchange the refresh token.
#[utoipa::path(
    post,
    path = "/v1/second-factor/totp/confirm",
    tag = "sign-in",
    request_body = CodeForm,
    responses((status = OK, body = RecoveryCodesDocument))
)]
pub async fn confirm_totp(
    State(app): State<App>,
    Enrolling(caller): Enrolling,
    origin: Origin,
    recorder: Recorder,
    Form(form): Form<CodeForm>,
) -> Result<Json<RecoveryCodesDocument>, Problem> {
    origin.count_attempt(&app)?;
    let (user, now) = (caller.actor.id, app.clock.now());
    let accounts = app.accounts.within(caller.correlation_id);
    let waiting = accounts.authenticator(user).await?;
    let waiting = waiting.ok_or(ProblemType::SecondFactorMissing)?;
    if waiting.confirmed_at.is_some() {
        return Err(ProblemType::SecondFactorEnrolled.into());
    }
    refuse_before(waiting.retry_after, now)?;
    let Some(step) = totp::step_of(&waiting.secret, form.code.expose_secret(), now) else {
        return Err(wrong_code(&app, &accounts, user, None).await);
    };
    let (codes, digests) = recovery_codes::generate();
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, user);
    let confirming = async {
        let confirmed =
            accounts.confirm_enrolment(user, &waiting.secret, step, &digests, now).await?;
        confirmed.then_some(()).ok_or_else(|| ProblemType::SecondFactorMissing.into())
    };
    recorder.around(note, confirming).await?;
    Ok(Json(RecoveryCodesDocument::new(&codes)))
}
