//! `mediconnect breaker`: the circuit breaker that stands before each insurer.

mod replay;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be done with the breaker.
#[derive(Debug, Subcommand)]
pub enum BreakerCommand {
    Replay(replay::ReplayArguments),
}

/// Runs the command.
pub fn run(command: &BreakerCommand) -> anyhow::Result<ExitCode> {
    match command {
        BreakerCommand::Replay(arguments) => replay::run(arguments),
    }
}
