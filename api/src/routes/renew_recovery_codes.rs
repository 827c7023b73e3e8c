//! `POST /v1/second-factor/recovery-codes`

use axum::Json;
use axum::extract::State;
use contracts::audit::{AuditAction, ResourceKind};

use super::confirm_totp::RecoveryCodesDocument;
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::auth::recovery_codes;
use crate::extract::{Caller, Form, Origin};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication::{SecondFactorForm, wrong_code};

/// Replace all recovery codes, by whoever shows their second factor.
#[utoipa::path(
    post,
    path = "/v1/second-factor/recovery-codes",
    tag = "sign-in",
    request_body = SecondFactorForm,
    responses((status = OK, body = RecoveryCodesDocument))
)]
pub async fn renew_recovery_codes(
    State(app): State<App>,
    caller: Caller,
    origin: Origin,
    recorder: Recorder,
    Form(form): Form<SecondFactorForm>,
) -> Result<Json<RecoveryCodesDocument>, Problem> {
    origin.count_attempt(&app)?;
    let user = caller.actor.id;
    let accounts = app.accounts.within(caller.correlation_id);
    let authenticator = accounts.authenticator(user).await?;
    let authenticator = authenticator.filter(|known| known.confirmed_at.is_some());
    let authenticator = authenticator.ok_or(ProblemType::SecondFactorMissing)?;
    let shown = form.check(&app, &accounts, user, &authenticator, None).await?;
    let (codes, digests) = recovery_codes::generate();
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, user);
    let replacing = async {
        let (proof, now) = (shown.proof(), app.clock.now());
        if accounts.replace_recovery_codes(user, proof, &digests, now).await? {
            return Ok(());
        }
        Err(wrong_code(&app, &accounts, user, None).await)
    };
    recorder.around(note, replacing).await?;
    Ok(Json(RecoveryCodesDocument::new(&codes)))
}
