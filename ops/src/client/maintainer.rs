//! An operator or administrator at the API: which server, who they are, and a sign-in that lasts as
//! long as their work.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::http::{Answer, Ask, Encounters, Http};
use super::sign_in::{self, Credentials};
use crate::exit::UsageError;
use crate::local::{self, LocalFiles};

/// The server, when neither the command line nor a running `mediconnect up` names one.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// How long one question is repeated while the server can't answer it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where an access token is looked for, then pairs of address and password.
const TOKEN: &str = "MEDICONNECT_TOKEN";
const LOGINS: [(&str, &str); 2] =
    [("MEDICONNECT_EMAIL", "MEDICONNECT_PASSWORD"), ("ADMIN_EMAIL", "ADMIN_PASSWORD")];

/// Where the code of a second factor is looked for. It counts once: for work that outlasts a token,
/// [`TOKEN`] is the better way.
const CODE: &str = "MEDICONNECT_CODE";

/// Somebody who is signed in.
pub struct Maintainer {
    http: Http,
    token: String,
    login: Option<Login>,
}

struct Login {
    email: String,
    password: SecretString,
}

impl Maintainer {
    /// Signs in at `url`, or else where `mediconnect up` runs. Secrets come from the environment
    /// or from what `mediconnect up` wrote down, never from the command line.
    pub async fn sign_in(url: Option<&Url>) -> anyhow::Result<Self> {
        let local = LocalFiles::new(&local::folder());
        let running = local.running_url();
        let url = match url.or(running.as_ref()) {
            Some(url) => url.clone(),
            None => DEFAULT_URL.parse().context("the default URL")?,
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(UsageError(format!("--url must look like {DEFAULT_URL}")).into());
        }
        let http = Http::new(&url, PATIENCE, Arc::new(Encounters::default()))?;
        if let Some(token) = given(TOKEN) {
            return Ok(Self { http, token, login: None });
        }
        let is_running_here =
            running.as_ref().is_some_and(|running| running.origin() == url.origin());
        let login = login_from_environment(given)?.or_else(|| {
            let generated = is_running_here.then(|| local.read_administrator()).flatten()?;
            Some(Login { email: generated.email, password: generated.password })
        });
        let login = login.ok_or_else(|| {
            let nothing_runs = match running {
                None => local.nothing_runs() + ". For another server: ",
                Some(_) => String::new(),
            };
            UsageError(format!(
                "{nothing_runs}who are you at {url}? Set MEDICONNECT_TOKEN, or MEDICONNECT_EMAIL \
                 and MEDICONNECT_PASSWORD, of an operator or administrator there"
            ))
        })?;
        let token = login.token(&http).await?;
        Ok(Self { http, token, login: Some(login) })
    }

    /// Asks, and signs in again when the token has ended meanwhile.
    pub async fn ask(&mut self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let answer = self.http.ask(&ask.clone().bearer(&self.token)).await?;
        let Some(login) = self.login.as_ref().filter(|_| answer.status() == 401) else {
            return Ok(answer);
        };
        self.token = login.token(&self.http).await?;
        Ok(self.http.ask(&ask.clone().bearer(&self.token)).await?)
    }
}

impl Login {
    async fn token(&self, http: &Http) -> anyhow::Result<String> {
        let password = self.password.expose_secret();
        let credentials = Credentials { email: &self.email, password };
        let signed_in = sign_in::log_in_with_code(http, credentials, || {
            given(CODE).with_context(|| {
                format!("the account asks for a second factor: set {CODE} to what the app shows")
            })
        });
        let signed_in = signed_in.await?;
        signed_in
            .map(|account| account.tokens.access)
            .context("signing in failed: the server doesn't know this address and password")
    }
}

/// The first pair that is given. Half of one is refused: whoever set it means somebody else than
/// the next pair, or the administrator of a local server.
fn login_from_environment(
    given: impl Fn(&str) -> Option<String>,
) -> Result<Option<Login>, UsageError> {
    for (email_name, password_name) in LOGINS {
        let (set, missing) = match (given(email_name), given(password_name)) {
            (Some(email), Some(password)) => {
                return Ok(Some(Login { email, password: password.into() }));
            }
            (None, None) => continue,
            (Some(_), None) => (email_name, password_name),
            (None, Some(_)) => (password_name, email_name),
        };
        return Err(UsageError(format!("{set} is set without {missing}; set both")));
    }
    Ok(None)
}

fn given(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(set: &[&str]) -> Result<Option<Login>, UsageError> {
        login_from_environment(|name| set.contains(&name).then(|| format!("of {name}")))
    }

    #[test]
    fn the_first_whole_pair_counts_and_half_a_pair_is_refused() {
        let [(email, password), (admin_email, admin_password)] = LOGINS;
        assert!(login(&[]).unwrap().is_none());
        let all = login(&[email, password, admin_email, admin_password]).unwrap().unwrap();
        assert_eq!(all.email, "of MEDICONNECT_EMAIL");
        let admin = login(&[admin_email, admin_password]).unwrap().unwrap();
        assert_eq!(admin.email, "of ADMIN_EMAIL");
        for half in [email, password] {
            let refusal = login(&[half, admin_email, admin_password]).err().unwrap().to_string();
            assert!(refusal.starts_with(half) && refusal.ends_with("set both"), "{refusal}");
        }
    }
}
