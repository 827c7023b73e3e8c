//! `mediconnect worker`: one process per worker.

use std::process::ExitCode;

use clap::Subcommand;
use runtime::Settings;

use crate::service;

/// The workers there are.
#[derive(Debug, Subcommand)]
pub enum WorkerCommand {
    /// Seal the audit log. One process works; further ones wait for its end.
    Audit,
    /// Settle bookings, cancellations, withdrawals and weekly hours.
    Booking,
    /// Ask insurers whether visits are covered.
    Eligibility,
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(worker: WorkerCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    match worker {
        WorkerCommand::Audit => service::run("mediconnect-audit", settings, ::audit::run).await,
        WorkerCommand::Booking => service::run("mediconnect-booking", settings, booking::run).await,
        WorkerCommand::Eligibility => {
            service::run("mediconnect-eligibility", settings, eligibility::run).await
        }
    }
}
