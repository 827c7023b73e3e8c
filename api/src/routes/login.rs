//! `POST /v1/auth/login`

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use domain::{Email, SessionId, UserId};
use jiff::SignedDuration;
use runtime::metrics::{self, IntCounterVec};
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::{Accounts, Credentials, NewChallenge, Subject, TokenDigest};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::auth::login_wait::{refuse_before, wait_after};
use crate::auth::passwords::Check;
use crate::auth::refresh::{digest_of, generate};
use crate::extract::{Anonymous, Form, Origin};
use crate::problem::{Problem, ProblemType};
use crate::session::{Beginning, SessionDocument};

/// Counted at both steps of a sign-in.
pub(super) static SIGN_INS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("sign_ins_total", "Sign-ins with a password, by outcome.", &["outcome"])
});

/// How long the password counts without the second factor.
const CHALLENGE_S: i64 = 300;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    /// The address of the account.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What an earlier sign-in from this device gave.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    device_token: Option<SecretString>,
}

/// Sign in. Whoever has a second factor is answered with the problem `second_factor_required`, and
/// goes on at `/v1/auth/second-factor` with the token in it.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "sign-in",
    security(()),
    request_body = LoginForm,
    responses((status = OK, body = SessionDocument))
)]
pub async fn login(
    State(app): State<App>,
    anonymous: Anonymous,
    origin: Origin,
    Form(form): Form<LoginForm>,
) -> Result<Audited<Json<SessionDocument>>, Problem> {
    origin.count_attempt(&app)?;
    let LoginForm { email, password, device_token } = form;
    let accounts = app.accounts.within(anonymous.correlation_id);
    let device = device_token.as_ref().map(digest_of);
    let state = accounts.sign_in_state(&email, device.as_ref(), app.clock.now()).await?;
    let device = device.filter(|_| state.is_known_device);
    let whose = state.credentials.as_ref().map(|known| who(known, None));
    refuse_before(state.retry_after, app.clock.now()).map_err(|refusal| {
        SIGN_INS.with_label_values(&["delayed"]).inc();
        refusal.noted(Note::sign_in_failure(whose))
    })?;
    let stored = state.credentials.as_ref().map(|known| known.password_hash.clone());
    let check = app.passwords.check(password, stored).await?;
    let Some(known) = signed_in(state.credentials, &check) else {
        record_failure(&app, &accounts, &email, device.as_ref()).await?;
        SIGN_INS.with_label_values(&["failed"]).inc();
        let refusal = Problem::new(ProblemType::InvalidCredentials);
        return Err(refusal.noted(Note::sign_in_failure(whose)));
    };
    let password_hash = up_to_date_hash(&accounts, &known, check).await?;
    if known.has_second_factor {
        let challenge = challenge(&app, &accounts, known.account.id, device.as_ref()).await?;
        return Err(challenge.noted(Note::sign_in_failure(whose)));
    }
    let beginning = Beginning::new(&app, origin.client, device);
    let (account, session) = (&known.account, beginning.record(known.account.id));
    if !accounts.open_session(session, account, &password_hash, beginning.device()).await? {
        // Disabled, or another password, while this one was checked.
        let refusal = Problem::new(ProblemType::InvalidCredentials);
        return Err(refusal.noted(Note::sign_in_failure(whose)));
    }
    SIGN_INS.with_label_values(&["succeeded"]).inc();
    let note = Note::sign_in(who(&known, Some(beginning.id())));
    Ok(Audited::new(note, Json(beginning.document(&app, known.account, false))))
}

fn who(known: &Credentials, session: Option<SessionId>) -> Who {
    Who { id: known.account.id, role: known.account.role, session }
}

/// Who signed in, if they did. A disabled account looks like a wrong password.
fn signed_in(known: Option<Credentials>, check: &Check) -> Option<Credentials> {
    known.filter(|known| known.is_active && !matches!(check, Check::Wrong))
}

/// Before the answer leaves, and the same whether or not there is an account of that address.
async fn record_failure(
    app: &App,
    accounts: &Accounts,
    email: &Email,
    device: Option<&TokenDigest>,
) -> Result<(), Problem> {
    let (now, longest_s) = (app.clock.now(), app.settings.sign_in_max_wait_s);
    let wait = |failures| wait_after(failures, longest_s);
    match device {
        Some(device) => accounts.record_device_failure(device, now, wait).await?,
        None => accounts.record_failure(Subject::address(email), now, wait).await?,
    }
    Ok(())
}

async fn up_to_date_hash(
    accounts: &Accounts,
    known: &Credentials,
    check: Check,
) -> Result<SecretString, Problem> {
    let Check::RightButWeaklyHashed(renewed) = check else {
        return Ok(known.password_hash.clone());
    };
    accounts.replace_password_hash(known.account.id, &known.password_hash, &renewed).await?;
    Ok(renewed)
}

/// Asks for the second factor.
async fn challenge(
    app: &App,
    accounts: &Accounts,
    user: UserId,
    device: Option<&TokenDigest>,
) -> Result<Problem, Problem> {
    let (token, digest) = generate();
    let now = app.clock.now();
    let expires_at = now + SignedDuration::from_secs(CHALLENGE_S);
    let challenge = NewChallenge { user, token: &digest, device, expires_at };
    accounts.open_challenge(challenge, now).await?;
    SIGN_INS.with_label_values(&["second_factor_required"]).inc();
    let problem = Problem::new(ProblemType::SecondFactorRequired);
    Ok(problem.with_second_factor_token(&token, CHALLENGE_S))
}
