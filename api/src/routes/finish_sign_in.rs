//! `POST /v1/auth/second-factor`

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::login::SIGN_INS;
use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::auth::refresh::digest_of;
use crate::extract::{Anonymous, Form, Origin};
use crate::problem::{Problem, ProblemType};
use crate::reauthentication::{SecondFactorForm, wrong_code};
use crate::session::{Beginning, SessionDocument};

/// The second step of a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishForm {
    /// What the problem `second_factor_required` brought.
    #[schema(value_type = String)]
    second_factor_token: SecretString,
    /// Six digits, from the authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "123456")]
    code: Option<SecretString>,
    /// Instead of them.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recovery_code: Option<SecretString>,
}

/// Finish a sign-in with the second factor: a code or a recovery code, each of which counts once.
/// After five wrong ones the password has to be shown again.
#[utoipa::path(
    post,
    path = "/v1/auth/second-factor",
    tag = "sign-in",
    security(()),
    request_body = FinishForm,
    responses((status = OK, body = SessionDocument))
)]
pub async fn finish_sign_in(
    State(app): State<App>,
    anonymous: Anonymous,
    origin: Origin,
    Form(form): Form<FinishForm>,
) -> Result<Audited<Json<SessionDocument>>, Problem> {
    origin.count_attempt(&app)?;
    let FinishForm { second_factor_token, code, recovery_code } = form;
    let accounts = app.accounts.within(anonymous.correlation_id);
    let token = digest_of(&second_factor_token);
    let Some(challenge) = accounts.challenge(&token, app.clock.now()).await? else {
        let refusal = Problem::new(ProblemType::InvalidSecondFactor);
        return Err(refusal.noted(Note::sign_in_failure(None)));
    };
    let account = &challenge.account;
    let who = |session| Who { id: account.id, role: account.role, session };
    let refused = |refusal: Problem| {
        SIGN_INS.with_label_values(&["second_factor_refused"]).inc();
        refusal.noted(Note::sign_in_failure(Some(who(None))))
    };
    let shown = SecondFactorForm { code, recovery_code };
    let shown = shown
        .check(&app, &accounts, account.id, &challenge.authenticator, Some(&token))
        .await
        .map_err(refused)?;
    let beginning = Beginning::new(&app, origin.client, challenge.device);
    let session = beginning.record(account.id);
    let (proof, device) = (shown.proof(), beginning.device());
    if !accounts.finish_challenge(&token, proof, session, account, device).await? {
        let refusal = wrong_code(&app, &accounts, account.id, Some(&token)).await;
        return Err(refused(refusal));
    }
    SIGN_INS.with_label_values(&["succeeded"]).inc();
    let note = Note::sign_in(who(Some(beginning.id())));
    Ok(Audited::new(note, Json(beginning.document(&app, account.clone(), true))))
}
