//! `POST /v1/auth/login`

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use domain::{Email, SessionId};
use runtime::metrics::{self, IntCounterVec};
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::{Accounts, Credentials};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::auth::login_wait::wait_after;
use crate::auth::passwords::Check;
use crate::extract::{Anonymous, Form};
use crate::problem::{Problem, ProblemType};
use crate::session::{Beginning, SessionDocument};

static SIGN_INS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("sign_ins_total", "Sign-ins with a password, by outcome.", &["outcome"])
});

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
}

/// Sign in.
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
    Form(form): Form<LoginForm>,
) -> Result<Audited<Json<SessionDocument>>, Problem> {
    let LoginForm { email, password } = form;
    let accounts = app.accounts.within(anonymous.correlation_id);
    let known = accounts.credentials(&email).await?;
    let whose = known.as_ref().map(|known| who(known, None));
    refuse_while_waiting(&app, known.as_ref(), &email)
        .map_err(|refusal| refusal.noted(Note::sign_in_failure(whose)))?;
    let stored = known.as_ref().map(|known| known.password_hash.clone());
    let check = app.passwords.check(password, stored).await?;
    let Some(known) = signed_in(known, &check) else {
        return Err(refuse(&app, accounts, email).noted(Note::sign_in_failure(whose)));
    };
    if let Check::RightButWeaklyHashed(renewed) = check {
        let old = &known.password_hash;
        accounts.replace_password_hash(known.account.id, old, &renewed).await?;
    }
    let beginning = Beginning::new(&app);
    accounts.open_session(beginning.record(known.account.id)).await?;
    app.failed_sign_ins.forget(&email);
    SIGN_INS.with_label_values(&["succeeded"]).inc();
    let note = Note::sign_in(who(&known, Some(beginning.id())));
    Ok(Audited::new(note, Json(beginning.document(&app, known.account))))
}

fn who(known: &Credentials, session: Option<SessionId>) -> Who {
    Who { id: known.account.id, role: known.account.role, session }
}

/// Who signed in, if they did. A disabled account looks like a wrong password.
fn signed_in(known: Option<Credentials>, check: &Check) -> Option<Credentials> {
    known.filter(|known| known.is_active && !matches!(check, Check::Wrong))
}

fn refuse_while_waiting(
    app: &App,
    known: Option<&Credentials>,
    email: &Email,
) -> Result<(), Problem> {
    let stored = known.and_then(|known| known.retry_after);
    let retry_after = stored.max(app.failed_sign_ins.retry_after(email));
    let now = app.clock.now();
    let wait = retry_after.map_or(0, |retry_after| now.duration_until(retry_after).as_millis());
    if wait <= 0 {
        return Ok(());
    }
    SIGN_INS.with_label_values(&["delayed"]).inc();
    Err(Problem::new(ProblemType::SignInDelayed).with_retry_after_s((wait as u64).div_ceil(1000)))
}

/// Counts the failure. What is stored of it is stored beside the answer, whose time would tell
/// otherwise whether there is an account.
fn refuse(app: &App, accounts: Accounts, email: Email) -> Problem {
    SIGN_INS.with_label_values(&["failed"]).inc();
    let now = app.clock.now();
    app.failed_sign_ins.record(&email, now);
    app.shutdown.spawn("login failure", async move {
        if let Err(error) = accounts.record_login_failure(&email, now, wait_after).await {
            tracing::warn!(%error, "a failed sign-in was not stored");
        }
    });
    ProblemType::InvalidCredentials.into()
}
