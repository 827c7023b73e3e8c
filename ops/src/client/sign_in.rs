//! From a password or a refresh token to an access token.

use domain::{Clock as _, SystemClock, UserId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::http::{Answer, Ask, Http, Purpose};

/// What somebody signs in with.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
}

/// What registration asks of a patient.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    /// Given name.
    pub given: &'a str,
    /// Family name.
    pub family: &'a str,
    /// Day of birth.
    pub birth_date: Date,
}

/// An account that exists at the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Its id.
    pub id: UserId,
    /// What the last sign-in gave.
    pub tokens: Tokens,
}

/// Tokens of one sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Goes with every request.
    pub access: String,
    /// When it ends.
    pub access_expires_at: Timestamp,
    /// Gives the next pair, once.
    pub refresh: String,
}

/// Tokens are secrets.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("access_expires_at", &self.access_expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct LoginBody<'a> {
    email: &'a str,
    password: &'a str,
}

#[derive(Serialize)]
struct RegisterBody<'a> {
    email: &'a str,
    password: &'a str,
    name: NameBody<'a>,
    birth_date: Date,
}

/// A name as the API takes it.
#[derive(Serialize)]
pub struct NameBody<'a> {
    /// Given name.
    pub given: &'a str,
    /// Family name.
    pub family: &'a str,
}

#[derive(Serialize)]
struct RefreshBody<'a> {
    refresh_token: &'a str,
}

#[derive(Deserialize)]
struct SignedInBody {
    user: UserBody,
    access_token: String,
    expires_in: i64,
    refresh_token: String,
}

#[derive(Deserialize)]
struct UserBody {
    id: UserId,
}

#[derive(Deserialize)]
struct ChallengeBody {
    second_factor_token: String,
}

#[derive(Serialize)]
struct CodeBody<'a> {
    second_factor_token: &'a str,
    code: &'a str,
}

/// Signs in with a password; none when the server doesn't know the account or the password.
pub async fn log_in(http: &Http, who: Credentials<'_>) -> anyhow::Result<Option<Registered>> {
    log_in_with_code(http, who, || {
        anyhow::bail!("the account asks for a second factor, which this client doesn't have")
    })
    .await
}

/// As [`log_in`]; the code of the second factor is taken when it is asked for.
pub async fn log_in_with_code(
    http: &Http,
    who: Credentials<'_>,
    code: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<Option<Registered>> {
    let body = LoginBody { email: who.email, password: who.password };
    let answer = http.ask(&Ask::post(Purpose::Prepare, "/v1/auth/login", &body)).await?;
    match answer.status() {
        200 => signed_in(&answer).map(Some),
        401 if is_about(&answer, "second_factor_required") => {
            let ChallengeBody { second_factor_token } = answer.json()?;
            let body = CodeBody { second_factor_token: &second_factor_token, code: &code()? };
            let path = "/v1/auth/second-factor";
            let answer = http.ask(&Ask::post(Purpose::Prepare, path, &body)).await?;
            anyhow::ensure!(answer.status() == 200, "signing in failed: {answer}");
            signed_in(&answer).map(Some)
        }
        401 => Ok(None),
        _ => anyhow::bail!("signing in failed: {answer}"),
    }
}

fn is_about(answer: &Answer, reason: &str) -> bool {
    answer.problem().is_some_and(|problem| problem.reason() == reason)
}

/// Exchanges a refresh token; none when it is used, revoked, ended, or unknown.
pub async fn refresh(http: &Http, refresh_token: &str) -> anyhow::Result<Option<Registered>> {
    let body = RefreshBody { refresh_token };
    let answer = http.ask(&Ask::post(Purpose::Prepare, "/v1/auth/refresh", &body)).await?;
    match answer.status() {
        200 => signed_in(&answer).map(Some),
        // 409: it was used a moment ago, by ourselves, and the answer was lost.
        401 | 409 => Ok(None),
        _ => anyhow::bail!("renewing a sign-in failed: {answer}"),
    }
}

/// Registers a patient, who then signs in. The server doesn't say when the address is taken.
pub async fn register(http: &Http, who: Credentials<'_>, person: Person<'_>) -> anyhow::Result<()> {
    let body = RegisterBody {
        email: who.email,
        password: who.password,
        name: NameBody { given: person.given, family: person.family },
        birth_date: person.birth_date,
    };
    let answer = http.ask(&Ask::post(Purpose::Prepare, "/v1/auth/register", &body)).await?;
    match answer.status() {
        202 => Ok(()),
        _ => anyhow::bail!("registering a patient failed: {answer}"),
    }
}

fn signed_in(answer: &Answer) -> anyhow::Result<Registered> {
    let body: SignedInBody = answer.json()?;
    // A lifetime that makes no sense reads as over: the token is renewed before its first use.
    let access_expires_at = SystemClock
        .now()
        .checked_add(SignedDuration::from_secs(body.expires_in))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Registered {
        id: body.user.id,
        tokens: Tokens {
            access: body.access_token,
            access_expires_at,
            refresh: body.refresh_token,
        },
    })
}
