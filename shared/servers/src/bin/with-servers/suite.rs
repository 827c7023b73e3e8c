//! One run of the test suite: one PostgreSQL that all tests share, a temporary folder that all
//! their files are in, and the certainty that both are gone afterwards.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use servers::{NatsBinary, PostgresBinaries, PostgresOptions, PrivatePostgres, UpLock};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// Suites' folders are recognised by this, so that a later run can clear what a killed one left.
const FOLDER_PREFIX: &str = "mediconnect-suite-";

/// Held for as long as the suite runs.
const LOCK_FILE: &str = "suite.lock";

/// Every test has pools of its own, and as many tests run at once as there are cores.
const MAX_CONNECTIONS: u32 = 500;

/// No test may touch servers that somebody uses.
const OTHER_SERVERS: [&str; 3] = ["DATABASE_URL", "NATS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The exit code of a process that was interrupted before it could do anything.
const EXIT_INTERRUPTED: u8 = 130;

/// Runs the command with `MC_TEST_POSTGRES_URL`, `MC_NATS_SERVER` and `TMPDIR` set; the result is
/// the exit code to end with.
pub async fn run(command: &[OsString]) -> anyhow::Result<u8> {
    let mut signals = Signals::install()?;
    let nats = NatsBinary::find()?;
    clear_killed_suites(&std::env::temp_dir()).await;
    let folder = new_folder()?;
    let _lock = UpLock::take(&folder.path().join(LOCK_FILE))?;
    let mut server = tokio::select! {
        server = start_postgres(folder.path()) => server?,
        _ = signals.next() => return Ok(EXIT_INTERRUPTED),
    };
    let scratch = folder.path().join("tmp");
    fs::create_dir(&scratch)?;
    let mut command_line = Command::new(&command[0]);
    for name in OTHER_SERVERS {
        command_line.env_remove(name);
    }
    let child = command_line
        .args(&command[1..])
        .env("MC_TEST_POSTGRES_URL", server.owner_url("mediconnect").expose_secret())
        .env("MC_NATS_SERVER", nats.path())
        .env("TMPDIR", &scratch)
        .spawn()
        .with_context(|| format!("starting {}", command[0].display()));
    let outcome = match child {
        Ok(child) => wait_and_pass_signals_on(child, &mut signals).await,
        Err(error) => Err(error),
    };
    // Tests that were killed leave their servers; they all live below this folder.
    let left = servers::clear_orphans_below(&scratch).await?;
    if !left.is_empty() {
        eprintln!("ended {} processes that tests had left running", left.len());
    }
    server.stop().await?;
    folder.close().context("removing the suite's folder")?;
    outcome.map(exit_code)
}

async fn start_postgres(home: &Path) -> anyhow::Result<PrivatePostgres> {
    let options = PostgresOptions {
        durable: false,
        max_connections: MAX_CONNECTIONS,
        ..PostgresOptions::default()
    };
    Ok(PrivatePostgres::start(&PostgresBinaries::find()?, home, options).await?)
}

/// Open to the account that PostgreSQL runs as when the suite runs as root.
fn new_folder() -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(FOLDER_PREFIX)
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .context("making a folder for the suite")
}

struct Signals {
    terminate: SignalStream,
    interrupt: SignalStream,
}

impl Signals {
    fn install() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.interrupt.recv() => Signal::INT,
        }
    }
}

/// A terminal's Ctrl-C reaches the command by itself. SIGTERM only reaches this process.
async fn wait_and_pass_signals_on(
    mut child: Child,
    signals: &mut Signals,
) -> anyhow::Result<ExitStatus> {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let pid = pid.context("the command has no pid")?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            signal = signals.next() => if signal == Signal::TERM {
                // Already gone is as good: the next turn of the loop sees its status.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let by_signal = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(by_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// Only folders of this account: in a folder that everyone writes to, somebody else could have
/// planted records that name this account's processes.
async fn clear_killed_suites(parent: &Path) {
    let Ok(entries) = parent.read_dir() else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_suite = entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX);
        let is_own = entry.metadata().is_ok_and(|found| {
            found.is_dir() && found.uid() == rustix::process::geteuid().as_raw()
        });
        if is_suite
            && is_own
            && let Err(error) = clear_killed_suite(&entry.path()).await
        {
            eprintln!("an earlier run of the suite could not be cleared: {error:#}");
        }
    }
}

async fn clear_killed_suite(folder: &Path) -> anyhow::Result<()> {
    if UpLock::take(&folder.join(LOCK_FILE))?.is_err() {
        return Ok(()); // it is running
    }
    servers::clear_orphans_below(folder).await?;
    fs::remove_dir_all(folder)?;
    Ok(())
}
