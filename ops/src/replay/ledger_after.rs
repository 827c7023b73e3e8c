//! After the bookings, the books: `mediconnect ledger`, as a process of its own, since replay
//! itself talks to nothing but the public API.

use std::path::Path;
use std::process::Stdio;

use serde::Serialize;
use serde_json::Value;
use tokio::process::Command;

/// What the ledger said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LedgerAfter {
    /// Nothing is missing.
    Balanced {
        /// The whole report.
        report: Value,
    },
    /// Something is.
    NotBalanced {
        /// The whole report.
        report: Value,
    },
    /// It couldn't be run from here.
    NotRun {
        /// Why, and what to do.
        why: String,
    },
}

/// Exit codes of `mediconnect ledger`.
const BALANCED: i32 = 0;
const NOT_BALANCED: i32 = 1;

impl LedgerAfter {
    /// Runs the ledger and reads its report.
    pub async fn read() -> Self {
        let output = match command(&["--json"]) {
            Ok(mut ledger) => ledger.stdin(Stdio::null()).stderr(Stdio::piped()).output().await,
            Err(error) => Err(error),
        };
        let output = match output {
            Ok(output) => output,
            Err(error) => return Self::NotRun { why: error.to_string() },
        };
        let report = serde_json::from_slice(&output.stdout);
        match (output.status.code(), report) {
            (Some(BALANCED), Ok(report)) => Self::Balanced { report },
            (Some(NOT_BALANCED), Ok(report)) => Self::NotBalanced { report },
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                let why = said.lines().next_back().unwrap_or("it said nothing").trim();
                Self::NotRun { why: why.to_owned() }
            }
        }
    }

    /// Runs the ledger with its own words on standard output; it says itself when it can't tell.
    pub async fn show() -> std::io::Result<()> {
        command(&[])?.stdin(Stdio::null()).status().await.map(|_said_already| ())
    }
}

fn command(arguments: &[&str]) -> std::io::Result<Command> {
    // Under Linux this is the running program even when its file was replaced meanwhile.
    let itself = Path::new("/proc/self/exe");
    let program = if itself.exists() { itself.to_owned() } else { std::env::current_exe()? };
    let mut command = Command::new(program);
    command.arg("ledger").args(arguments);
    Ok(command)
}
