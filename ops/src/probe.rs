//! `mediconnect probe`: whether a service answers, for health checks in images without a shell.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reqwest::Url;

/// Ask a service whether it is well: exit code 0 when URL answers with 2xx.
///
/// api answers at /readyz when it can accept, every service at /metrics of its metrics listener
/// while it runs.
#[derive(Args, Debug)]
pub struct ProbeArguments {
    /// What to ask, for example http://127.0.0.1:8080/readyz
    url: Url,

    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
}

/// Runs the command.
pub async fn run(arguments: ProbeArguments) -> anyhow::Result<ExitCode> {
    let ProbeArguments { url, timeout } = arguments;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(timeout)).build()?;
    let answer = client.get(url).send().await.context("no answer")?;
    if answer.status().is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("mediconnect: the answer is {}", answer.status());
    Ok(ExitCode::FAILURE)
}
