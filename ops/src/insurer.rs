//! `mediconnect insurer`: an insurance API to test against.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use runtime::Settings;

use crate::service;

const HELP: &str = "\
Paths:
  POST              /change/medicalnetwork/eligibility/v3   a question, in Stedi's form
  GET               /healthz                                whether it runs
  GET, PUT, DELETE  /admin/knobs                            how it behaves, for all payers
  GET, PUT, DELETE  /admin/payers/PAYER/knobs               and for one
  GET, DELETE       /admin/calls                            what came, for all payers
  GET, DELETE       /admin/payers/PAYER/calls               and for one, with members and times

Knobs are JSON; what a PUT leaves out is at its default. docs/INSURER.md shows all of them.
  {\"latency\":{\"log_normal\":{\"median_ms\":800,\"p99_ms\":20000}}}   slow, with a tail to a minute
  {\"outage\":{\"duration_ms\":60000,\"outcome\":\"hang\"}}            hangs for a minute from now
  {\"mix\":[{\"weight\":9,\"outcome\":\"answer\"},{\"weight\":1,\"outcome\":\"reset\"}]}

Member ids that end in -ACTIVE, -INACTIVE, -TERMED, -TWOPLANS, -PENDING7, -INVESTIGATE or -AAA75
have that answer; others have one that follows from the seed.

Example:
  mediconnect insurer --listen 127.0.0.1:0 --seed 7";

/// Run the insurer simulator: an insurance API to test against.
///
/// A real HTTP server that answers questions of eligibility for any number of payers, always the
/// same for the same seed and member. While it runs, it can be told to be slow, wrong, rude or
/// away, and it counts what comes. It has no authentication and is no place for real patients.
///
/// It says on standard output where it listens, and stops on SIGTERM or Ctrl-C, even while calls
/// hang.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_long_help = HELP)]
pub struct InsurerArguments {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// Decides what members are insured for, and all chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(arguments: InsurerArguments, settings: Settings) -> anyhow::Result<ExitCode> {
    let InsurerArguments { listen, seed } = arguments;
    let options = ::insurer::Options { listen, seed };
    service::run("mediconnect-insurer", settings, async |_, shutdown| {
        let addr = ::insurer::start(options, &shutdown).await?;
        tracing::info!(%addr, seed, "the insurer listens");
        // For a script that asked for a free port. Nobody may be reading.
        let _ = writeln!(std::io::stdout(), "the insurer listens on http://{addr}");
        Ok(shutdown.wait().await?)
    })
    .await
}
