//! `mediconnect trace`: the life of a request, in order.

mod moment;
mod read;
mod report;

use std::process::ExitCode;

use clap::Args;
use domain::CorrelationId;
use runtime::Settings;

use crate::exit::EXIT_USAGE;

/// Nothing belongs to this id.
const UNKNOWN: u8 = 1;

/// Show what became of a request: everything that belongs to its correlation id, in order.
///
/// The id is the Correlation-Id of every response, problem document and log line. Shown are the
/// request's acceptance, its deliveries, its transaction, the facts that followed, questions to
/// insurers, what was audited, and dead letters; never what was asked, or for whom.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit codes: 0 something is known, 1 nothing is, 2 the servers can't be asked.

Example:
  mediconnect trace 01935c2e-7f6a-7b1e-9d53-0d3f6a3f2c11")]
pub struct TraceArguments {
    /// The correlation id, a UUID
    #[arg(value_name = "CORRELATION-ID")]
    pub id: CorrelationId,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub async fn run(arguments: &TraceArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    // In a box: whoever waits for this would carry it along.
    let life = match Box::pin(read::read(settings, arguments.id)).await {
        Ok(life) => life,
        Err(error) => {
            eprintln!("mediconnect trace: can't tell: {error:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&life)?);
    } else {
        print!("{}", report::Report::new(&life));
    }
    Ok(if life.moments.is_empty() { ExitCode::from(UNKNOWN) } else { ExitCode::SUCCESS })
}
