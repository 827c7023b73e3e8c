//! `mediconnect breaker`: the circuit breaker that stands before each insurer.

mod force;
mod list;
mod replay;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Deserialize;

use crate::client::http::Answer;

/// What can be done with the breaker.
#[derive(Debug, Subcommand)]
pub enum BreakerCommand {
    List(list::ListArguments),
    Force(force::ForceArguments),
    Replay(replay::ReplayArguments),
}

/// Runs the command.
pub async fn run(command: &BreakerCommand) -> anyhow::Result<ExitCode> {
    match command {
        BreakerCommand::List(arguments) => list::run(arguments).await,
        BreakerCommand::Force(arguments) => force::run(arguments).await,
        BreakerCommand::Replay(arguments) => replay::run(arguments),
    }
}

/// The answer, unless the API refused.
fn accepted(answer: Answer) -> anyhow::Result<Answer> {
    match answer.status() {
        200 => Ok(answer),
        401 => bail!("the API doesn't know this sign-in any more: {answer}"),
        403 => bail!("breakers are for operators and administrators: {answer}"),
        _ => bail!("refused: {answer}"),
    }
}

/// A breaker, as the API shows it.
#[derive(Debug, Deserialize)]
struct Breaker {
    payer: String,
    control: String,
    #[serde(default)]
    decision: Option<Decision>,
    replicas: Vec<Replica>,
}

#[derive(Debug, Deserialize)]
struct Decision {
    by: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Replica {
    instance: String,
    state: String,
    since: Timestamp,
}

/// A line per worker; one without a worker when none has asked that payer.
fn show(breakers: &[Breaker]) {
    if breakers.is_empty() {
        println!("no payer was asked yet, and none was forced");
        return;
    }
    println!("{:<16}  {:<13}  {:<13}  {:<20}  WORKER", "PAYER", "CONTROL", "STATE", "SINCE");
    for Breaker { payer, control, decision, replicas } in breakers {
        if replicas.is_empty() {
            println!("{payer:<16}  {control:<13}  {:<13}  {:<20}  -", "-", "-");
        }
        for Replica { instance, state, since } in replicas {
            let since = since.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
            println!("{payer:<16}  {control:<13}  {state:<13}  {since:<20}  {instance}");
        }
        if let Some(Decision { by, reason }) = decision {
            println!("{:<16}  by {by}: {reason}", "");
        }
    }
}
