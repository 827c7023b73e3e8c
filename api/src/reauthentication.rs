//! Whoever changes how they sign in shows what they sign in with again: a session alone may have been
//! left open, or stolen.

use domain::UserId;
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::{Accounts, Authenticator, PasswordOwner, Proof, Subject, TokenDigest};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::login_wait::{refuse_before, wait_after};
use crate::auth::passwords::Check;
use crate::auth::{recovery_codes, totp};
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// One of the two; the code of an authenticator, or a recovery code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorForm {
    /// Six digits, from the authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "123456")]
    pub code: Option<SecretString>,
    /// Instead of them.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub recovery_code: Option<SecretString>,
}

/// What somebody claims to prove, kept while it is checked.
pub enum Shown {
    /// The code of that step.
    Step(i64),
    /// A recovery code.
    RecoveryCode(TokenDigest),
}

/// The caller, who knows their present password. Wrong ones are counted for this account's own
/// sessions: strangers, who have none, keep nobody from it.
pub async fn with_password(
    app: &App,
    caller: &Caller,
    password: SecretString,
) -> Result<PasswordOwner, Problem> {
    let accounts = app.accounts.within(caller.correlation_id);
    let subject = Subject::signed_in(caller.actor.id);
    refuse_before(accounts.retry_after(subject).await?, app.clock.now())?;
    let owner = accounts.password_owner(caller.actor.id).await?.ok_or(ProblemType::Unauthorized)?;
    let stored = Some(owner.password_hash.clone());
    if matches!(app.passwords.check(password, stored).await?, Check::Wrong) {
        let (now, longest_s) = (app.clock.now(), app.settings.sign_in_max_wait_s);
        accounts.record_failure(subject, now, |count| wait_after(count, longest_s)).await?;
        return Err(ProblemType::WrongPassword.into());
    }
    accounts.forget_failures(subject).await?;
    Ok(owner)
}

impl SecondFactorForm {
    /// What is shown, if it is right; whether it was used before is seen when it is used up. Wrong
    /// codes are counted, and slow down the next.
    pub async fn check(
        self,
        app: &App,
        accounts: &Accounts,
        user: UserId,
        authenticator: &Authenticator,
        challenge: Option<&TokenDigest>,
    ) -> Result<Shown, Problem> {
        use secrecy::ExposeSecret as _;
        let now = app.clock.now();
        refuse_before(authenticator.retry_after, now)?;
        let shown = match (self.code, self.recovery_code) {
            (Some(code), None) => totp::step_of(&authenticator.secret, code.expose_secret(), now)
                .filter(|step| *step > authenticator.last_step)
                .map(Shown::Step),
            (None, Some(code)) => Some(Shown::RecoveryCode(recovery_codes::digest(&code))),
            _ => {
                let detail = "expected one of code and recovery_code";
                return Err(Problem::new(ProblemType::InvalidBody).at_pointer("", detail));
            }
        };
        match shown {
            Some(shown) => Ok(shown),
            None => Err(wrong_code(app, accounts, user, challenge).await),
        }
    }
}

impl Shown {
    /// As what is used up.
    pub fn proof(&self) -> Proof<'_> {
        match self {
            Self::Step(step) => Proof::Step(*step),
            Self::RecoveryCode(digest) => Proof::RecoveryCode(digest),
        }
    }
}

/// Counts a wrong code; what is to be answered.
pub async fn wrong_code(
    app: &App,
    accounts: &Accounts,
    user: UserId,
    challenge: Option<&TokenDigest>,
) -> Problem {
    let (now, longest_s) = (app.clock.now(), app.settings.sign_in_max_wait_s);
    let wait = |failures| wait_after(failures, longest_s);
    match accounts.record_wrong_code(user, challenge, now, wait).await {
        Ok(()) => ProblemType::InvalidSecondFactor.into(),
        Err(error) => error.into(),
    }
}
