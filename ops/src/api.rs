//! `mediconnect api`: the HTTP API.

use std::process::ExitCode;

use runtime::Settings;

use crate::service;

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    Box::pin(service::run("mediconnect-api", settings, ::api::run)).await
}
