//! The command line. One file per command; this one only says what there is.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use runtime::Shutdown;

use crate::dlq::DlqArguments;
use crate::insurer::InsurerArguments;
use crate::ledger::LedgerArguments;
use crate::probe::ProbeArguments;
use crate::replay::ReplayArguments;
use crate::trace::TraceArguments;
use crate::up::UpArguments;
use crate::{
    admin, api, audit, breaker, dlq, insurer, ledger, migrate, probe, replay, settings, trace, up,
    worker,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed, or what was checked is not so
  2  wrong usage, or settings that can't be used

Settings come from the defaults, a TOML file (--config or MC_CONFIG), and variables
MC_<SECTION>__<KEY>; DATABASE_URL, NATS_URL, ADMIN_EMAIL, ADMIN_PASSWORD and
OTEL_EXPORTER_OTLP_ENDPOINT are understood as well. With _FILE behind its name, a variable
names a file that holds the value. An unknown key is refused. docs/SETTINGS.md lists all of them.

Examples:
  mediconnect up                      everything on this machine, until Ctrl-C
  mediconnect migrate --json          bring the database at DATABASE_URL up to date
  mediconnect worker booking          one booking worker; start as many as you need
  mediconnect worker eligibility      one that asks insurers whether visits are covered
  mediconnect insurer --seed 7        an insurance API to test against
  mediconnect ledger --json           prove that nothing accepted was lost
  mediconnect audit verify            prove that nobody changed the audit log
  mediconnect dlq list                what no worker could settle
  mediconnect trace CORRELATION-ID    what became of one request";

/// What requests under way get to end after Ctrl-C.
const REPLAY_STOP_GRACE: Duration = Duration::from_secs(15);

/// Scheduling for clinics: the services, and the commands that run them.
#[derive(Debug, Parser)]
#[command(name = "mediconnect", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// A TOML file with settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(UpArguments),
    /// Run the HTTP API.
    Api,
    /// Run a worker.
    #[command(subcommand)]
    Worker(worker::WorkerCommand),
    Insurer(InsurerArguments),
    Migrate(migrate::MigrateArguments),
    Probe(ProbeArguments),
    /// Manage administrators.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    Dlq(DlqArguments),
    Ledger(LedgerArguments),
    Trace(TraceArguments),
    /// Verify the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Replay(ReplayArguments),
    /// The circuit breaker that stands before each insurer: list, force, replay.
    #[command(subcommand)]
    Breaker(breaker::BreakerCommand),
}

impl Cli {
    /// Runs the chosen command; the exit code is its answer.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.as_deref();
        match self.command {
            // In boxes: whoever waits for these would carry them along.
            Command::Up(arguments) => Box::pin(up::run(arguments, config)).await,
            Command::Api => Box::pin(api::run(settings::load(config)?)).await,
            Command::Worker(worker) => Box::pin(worker::run(worker, settings::load(config)?)).await,
            Command::Insurer(arguments) => insurer::run(arguments, settings::load(config)?).await,
            Command::Migrate(arguments) => migrate::run(arguments, &settings::load(config)?).await,
            Command::Probe(arguments) => probe::run(arguments).await,
            Command::Admin(command) => admin::run(command, &settings::load(config)?).await,
            Command::Dlq(arguments) => dlq::run(arguments).await,
            Command::Ledger(arguments) => {
                let settings = settings::load_for_operators(config, "database.ops_url")?;
                ledger::run(&arguments, &settings).await
            }
            Command::Trace(arguments) => {
                let settings = settings::load_for_operators(config, "database.ops_url")?;
                trace::run(&arguments, &settings).await
            }
            Command::Audit(command) => {
                let settings = settings::load_for_operators(config, "database.auditor_url")?;
                audit::run(command, &settings).await
            }
            Command::Replay(arguments) => {
                replay::run(arguments, Shutdown::on_signals(REPLAY_STOP_GRACE)?).await
            }
            Command::Breaker(command) => breaker::run(&command).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }
}
