//! `mediconnect audit`: is the record of who saw what still what was written?

mod check;
mod report;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use runtime::Settings;

/// The log is not what was sealed.
const NOT_INTACT: u8 = 1;

/// The servers couldn't be asked.
const CANNOT_TELL: u8 = 2;

/// What can be done with the audit log here. Administrators read it at GET /v1/audit.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    Verify(VerifyArguments),
}

/// Prove that the audit log is what was sealed: nothing changed, removed, added, moved or cut off.
///
/// Every row and every seal is read and hashed again. A log whose end was cut off looks whole from
/// inside, so the last seal is compared with the anchor that the audit worker keeps in NATS.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit codes: 0 the log is intact, 1 it isn't, 2 the servers can't be asked."
)]
pub struct VerifyArguments {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(command: AuditCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let AuditCommand::Verify(arguments) = command;
    // In a box: whoever waits for this would carry it along.
    let verdict = match Box::pin(verify::verify(settings)).await {
        Ok(verdict) => verdict,
        Err(error) => {
            eprintln!("mediconnect audit verify: can't tell: {error:#}");
            return Ok(ExitCode::from(CANNOT_TELL));
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        print!("{verdict}");
    }
    Ok(if verdict.intact { ExitCode::SUCCESS } else { ExitCode::from(NOT_INTACT) })
}
