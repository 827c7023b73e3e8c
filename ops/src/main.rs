//! `mediconnect`: the one binary. It starts any service, and holds the operators' commands.

mod admin;
mod api;
mod audit;
mod breaker;
mod cli;
mod client;
mod dlq;
mod exit;
mod insurer;
mod ledger;
mod local;
mod migrate;
mod paint;
mod probe;
mod progress;
mod replay;
mod service;
mod settings;
mod trace;
mod up;
mod values;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// glibc's allocator takes a fifth of api's time at full load, and keeps the 19 MiB of every
/// password hash for itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    runtime::telemetry::install_crypto();
    // In a box: what some commands keep while they wait is large.
    match Box::pin(cli::Cli::parse().run()).await {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
