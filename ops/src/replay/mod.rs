//! `mediconnect replay`: books a file of real appointment requests as their patients would: through
//! the public API, and with nothing else.
//!
//! The days of the file lie in the past, so they are mapped to the future ([`days`]). Patients and
//! doctors are prepared once ([`prepare`]) and remembered ([`state`]). Then each row, in its real
//! order, searches a free slot and books it ([`booking`]), over a number of connections
//! ([`drive`]). What was met on the way is counted ([`tally`]) and told at the end ([`report`]).

mod accounts;
mod arguments;
mod booking;
mod choice;
mod days;
mod doctors;
mod drive;
mod journal;
mod ledger_after;
mod pace;
mod prepare;
mod report;
mod rows;
mod sample;
mod selection;
mod server;
mod session;
mod state;
mod tally;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use runtime::Shutdown;
use serde::Serialize;

pub use arguments::ReplayArguments;
use ledger_after::LedgerAfter;
use prepare::PreparedSummary;
use report::Report;
use selection::Selection;
use server::Server;
use session::Session;
use state::State;

/// What was done.
#[derive(Debug)]
pub enum Done {
    /// Patients and doctors are there; nothing was booked.
    Prepared(PreparedSummary),
    /// The rows were asked for.
    Replayed(Box<Report>),
}

/// What standard output gets with `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    ledger: Option<LedgerAfter>,
}

/// Runs the command. 0 when every row has a definite outcome, 1 otherwise.
pub async fn run(arguments: ReplayArguments, shutdown: Shutdown) -> anyhow::Result<ExitCode> {
    if arguments.make_sample {
        print!("{}", sample::content());
        return Ok(ExitCode::SUCCESS);
    }
    match replay(&arguments, &shutdown).await? {
        Done::Prepared(summary) => {
            show_prepared(&summary, arguments.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Done::Replayed(report) => {
            show(&report, &arguments).await?;
            let all_definite = report.rows.all_definite();
            Ok(if all_definite { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Prepares, and books the chosen rows until they all have ended or `shutdown` says stop.
pub async fn replay(arguments: &ReplayArguments, shutdown: &Shutdown) -> anyhow::Result<Done> {
    let file = arguments.file.as_deref().context("which file?")?;
    let selection = Selection::read(file, arguments.day, arguments.days.get())?;
    let server = Server::find(arguments)?;
    let default_path =
        || state::default_path(&crate::local::folder(), &server.url, selection.fingerprint());
    let state_path = arguments.state.clone().unwrap_or_else(default_path);
    let _lock = state::lock(&state_path)?;
    let state = State::load(&state_path)?.unwrap_or_else(State::new);

    let mut session = Session::new(arguments, selection, server, state_path, state)?;
    eprintln!("{}", session.announcement());
    let prepared = session.prepare(shutdown).await?;
    if arguments.seed {
        return Ok(Done::Prepared(prepared.summary));
    }
    let report = session.book(prepared, shutdown).await?;
    Ok(Done::Replayed(Box::new(report)))
}

fn show_prepared(summary: &PreparedSummary, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(summary)?);
    } else {
        println!(
            "prepared: {} patients ({} new), {} doctors ({} new), in {:.1} s",
            summary.patients,
            summary.patients_registered,
            summary.doctors,
            summary.doctors_made,
            summary.elapsed_s
        );
    }
    Ok(())
}

async fn show(report: &Report, arguments: &ReplayArguments) -> anyhow::Result<()> {
    if arguments.json {
        let ledger = if arguments.no_ledger { None } else { Some(LedgerAfter::read().await) };
        println!("{}", serde_json::to_string_pretty(&Document { report, ledger })?);
        return Ok(());
    }
    println!("{report}");
    if !arguments.no_ledger
        && let Err(error) = LedgerAfter::show().await
    {
        println!("the ledger can't be run: {error}; run `mediconnect ledger` yourself");
    }
    Ok(())
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String can't fail");
        text
    })
}
