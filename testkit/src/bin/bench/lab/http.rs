//! Asking api for what a measurement needs before it begins.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// The status of `GET url`; nothing when nobody answers.
pub async fn get(url: &str) -> Option<u16> {
    let answer = client().ok()?.get(url).send().await.ok()?;
    Some(answer.status().as_u16())
}

/// The answer to `POST url`.
pub async fn post(url: &str, body: &Value) -> anyhow::Result<Value> {
    let asking = client()?.post(url).json(body).send();
    let answer = asking.await.with_context(|| format!("asking {url}"))?;
    let status = answer.status();
    let text = answer.text().await?;
    anyhow::ensure!(status.is_success(), "{url} answered {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// A proxy has no business between two processes of one machine.
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()
}
