//! `mediconnect breaker replay`: does the breaker do what recorded traces say?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use resilience::breaker::conformance::{Difference, Trace};
use serde::Serialize;

/// A trace was replayed, and the breaker does something else.
const DIFFERS: u8 = 1;

/// A file could not be replayed.
const CANNOT_TELL: u8 = 2;

const AFTER_HELP: &str = "\
Prints, per file, `ok NAME` or the earliest difference:
  differs NAME: at 411 ms expected open, got closed

A trace is a JSON document with `options`, `steps` (calls, and what would become of them), `calls`
(what each must give, and when) and `expect` (the state to be read at a time). Times are in
milliseconds since the breaker was made; the clock of a replay is its own, so it takes no time.

Exit codes: 0 all are ok, 1 one differs, 2 one can't be read or is no trace (the others are
replayed).";

/// Replay recorded traces, and say whether the breaker does the same
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ReplayArguments {
    /// Traces
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Print one JSON document, with every difference
    #[arg(long)]
    json: bool,
}

/// What became of all files.
#[derive(Debug, Serialize)]
struct Report {
    /// Every file is a trace, and none differs.
    ok: bool,
    files: Vec<FileReport>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Verdict {
    Ok { name: String },
    Differs { name: String, differences: Vec<Difference> },
    Invalid { error: String },
}

/// Runs the command.
pub fn run(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &arguments.files {
        let file = path.display().to_string();
        let verdict =
            replay(path).unwrap_or_else(|error| Verdict::Invalid { error: format!("{error:#}") });
        if !arguments.json {
            print(&file, &verdict);
        }
        files.push(FileReport { file, verdict });
    }
    let code = exit_code(&files);
    if arguments.json {
        let report = Report { ok: code == 0, files };
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(ExitCode::from(code))
}

fn replay(path: &Path) -> anyhow::Result<Verdict> {
    let json = std::fs::read_to_string(path).context("can't be read")?;
    let trace = Trace::parse(&json).map_err(|error| anyhow!("is no trace: {error}"))?;
    let differences = trace.replay()?;
    let name = trace.name.unwrap_or_else(|| named_after(path));
    Ok(if differences.is_empty() {
        Verdict::Ok { name }
    } else {
        Verdict::Differs { name, differences }
    })
}

fn named_after(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn print(file: &str, verdict: &Verdict) {
    match verdict {
        Verdict::Ok { name } => println!("ok {name}"),
        Verdict::Differs { name, differences } => {
            println!("differs {name}: {}", differences[0]);
        }
        Verdict::Invalid { error } => eprintln!("mediconnect breaker replay: {file}: {error}"),
    }
}

/// What can't be told weighs more than what differs.
fn exit_code(files: &[FileReport]) -> u8 {
    let code = |file: &FileReport| match file.verdict {
        Verdict::Ok { .. } => 0,
        Verdict::Differs { .. } => DIFFERS,
        Verdict::Invalid { .. } => CANNOT_TELL,
    };
    files.iter().map(code).max().unwrap_or(0)
}
