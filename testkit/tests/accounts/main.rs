//! Accounts on the running product: passwords, second factors, sessions, and what strangers may try.

mod client_errors;
mod keys;
mod passwords;
mod recorded;
mod same_answers;
mod second_factor;
mod sessions;
mod throttling;

use anyhow::Context as _;
use serde_json::{Value, json};
use testkit::{Answer, Api};

/// The password of everybody that testkit registers as a patient.
const PASSWORD: &str = "a long enough passphrase";

/// Somebody new, by their address.
async fn register(api: &Api, email: &str) -> anyhow::Result<()> {
    let body = json!({
        "email": email,
        "password": PASSWORD,
        "name": { "given": "Pat", "family": "Example" },
        "birth_date": "1980-02-29",
    });
    api.post("/v1/auth/register", body).await?.expect(202)?;
    Ok(())
}

async fn try_to_sign_in(api: &Api, email: &str, password: &str) -> anyhow::Result<Answer> {
    api.post("/v1/auth/login", json!({ "email": email, "password": password })).await
}

fn text<'a>(body: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    body[field].as_str().with_context(|| format!("no {field} in {body}"))
}

/// The value of a counter; what has never been counted is 0.
fn counter(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or(0)
}
