//! `mediconnect`: the one binary. It starts any service, and holds the operators' commands.

mod admin;
mod api;
mod audit;
mod cli;
mod client;
mod exit;
mod ledger;
mod local;
mod migrate;
mod progress;
mod replay;
mod service;
mod settings;
mod up;
mod worker;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    runtime::telemetry::install_crypto();
    match cli::Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
