//! `mediconnect ledger`: proves that nothing accepted was lost.
//!
//! The crate `ledger` reads and counts; here are the command and its report.

mod read;
mod report;

use std::process::ExitCode;

use clap::Args;
use jiff::SignedDuration;
use runtime::Settings;

/// The books don't balance.
const NOT_BALANCED: u8 = 1;

/// The servers couldn't be asked.
const CANNOT_TELL: u8 = 2;

/// Prove that every accepted request was settled, waits, or is a dead letter.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit codes: 0 the books balance, 1 they don't, 2 the servers can't be asked."
)]
pub struct LedgerArguments {
    /// How long a request may wait before it is unaccounted for
    #[arg(long, value_name = "MINUTES", default_value = "5")]
    pub grace_minutes: u32,

    /// Print one JSON document, which names everything
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub async fn run(arguments: &LedgerArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let grace = SignedDuration::from_mins(arguments.grace_minutes.into());
    let ledger = match read::read(settings, grace).await {
        Ok(ledger) => ledger,
        Err(error) => {
            eprintln!("mediconnect ledger: can't tell: {error:#}");
            return Ok(ExitCode::from(CANNOT_TELL));
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&ledger)?);
    } else {
        print!("{ledger}");
    }
    let balanced = ledger.balance.balanced;
    Ok(if balanced { ExitCode::SUCCESS } else { ExitCode::from(NOT_BALANCED) })
}
