//! `POST /v1/second-factor/totp`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::auth::totp;
use crate::extract::{Enrolling, Form};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication;

/// Somebody who wants a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    /// The present password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// What an authenticator app needs to know. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentDocument {
    /// In base32, to be typed.
    secret: String,
    /// `otpauth://totp/…`, to be shown as a QR code.
    uri: String,
    /// Of a code.
    #[schema(example = 6)]
    digits: u8,
    /// How long a code is shown, seconds.
    #[schema(example = 30)]
    period_s: u64,
}

/// Begin to enrol an authenticator (RFC 6238). It counts once a code has confirmed it.
#[utoipa::path(
    post,
    path = "/v1/second-factor/totp",
    tag = "sign-in",
    request_body = PasswordForm,
    responses((status = CREATED, body = EnrolmentDocument))
)]
pub async fn enrol_totp(
    State(app): State<App>,
    Enrolling(caller): Enrolling,
    recorder: Recorder,
    Form(form): Form<PasswordForm>,
) -> Result<(StatusCode, Json<EnrolmentDocument>), Problem> {
    let owner = reauthentication::with_password(&app, &caller, form.password).await?;
    let (secret, user) = (totp::generate_secret(), caller.actor.id);
    let note = Note::administration(AuditAction::Create, ResourceKind::Person, user);
    let accounts = app.accounts.within(caller.correlation_id);
    let beginning = async {
        let has_begun = accounts.begin_enrolment(user, &secret, app.clock.now()).await?;
        has_begun.then_some(()).ok_or_else(|| ProblemType::SecondFactorEnrolled.into())
    };
    recorder.around(note, beginning).await?;
    let clinic = &app.settings.clinic_name;
    let uri = totp::provisioning_uri(&secret, clinic, owner.account.email.as_str());
    let document = EnrolmentDocument {
        secret: totp::base32(&secret).expose_secret().to_owned(),
        uri: uri.expose_secret().to_owned(),
        digits: totp::DIGITS,
        period_s: totp::STEP_S,
    };
    Ok((StatusCode::CREATED, Json(document)))
}
