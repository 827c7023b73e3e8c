//! What starting a server needs to know: its programs, its files and its account.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use super::PostgresOptions;
use crate::error::ServerError;
use crate::log_file::LogFile;
use crate::orphans;
use crate::placement::Placement;
use crate::postgres_binaries::PostgresBinaries;
use crate::process::{StopPlan, StopSignal};
use crate::secret_file::{generate_password, read_or_create_secret};

/// Everything a start needs to know.
pub(super) struct Site<'a> {
    pub(super) binaries: &'a PostgresBinaries,
    pub(super) home: &'a Path,
    pub(super) placement: &'a Placement,
    pub(super) options: &'a PostgresOptions,
}

impl Site<'_> {
    pub(super) fn data(&self) -> PathBuf {
        self.placement.folder.join("data")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.placement.folder.join("superuser.password")
    }

    /// Owned by the server's account, since initdb reads it; root can read it anyway.
    pub(super) fn superuser_password(&self) -> Result<SecretString, ServerError> {
        let path = self.password_file();
        let generate = || generate_password().expose_secret().to_owned();
        let password = read_or_create_secret(&path, generate)?;
        if let Some(account) = self.placement.account {
            account.own(&path)?;
        }
        Ok(password)
    }

    /// A postmaster of an earlier run that even the registry doesn't know: killed parents can
    /// leave one in the moment between its start and its record.
    pub(super) async fn end_stray_server(&self) -> Result<(), ServerError> {
        let data = self.data();
        let Some(pid) = postmaster_pid(&data) else { return Ok(()) };
        // A postmaster's current folder is its data folder; a reused pid's isn't.
        if fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data) {
            orphans::end_unrecorded("postgres", pid, stop_plan()).await?;
        }
        Ok(())
    }

    /// One of PostgreSQL's programs, as the right account and with an empty environment: PGDATA,
    /// PGPORT and the like must not reach it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
        command.current_dir(&self.placement.folder);
        if let Some(account) = self.placement.account {
            account.run(&mut command);
        }
        command
    }
}

/// SIGINT ends connections and writes everything; SIGQUIT leaves that to the next start.
pub(super) fn stop_plan() -> StopPlan {
    StopPlan::in_steps([
        (StopSignal::Interrupt, Duration::from_secs(15)),
        (StopSignal::Quit, Duration::from_secs(5)),
    ])
}

pub(super) fn start_error(name: &str, log: &LogFile, reason: String) -> ServerError {
    let (log, tail) = (log.path().to_owned(), log.tail());
    ServerError::Start { name: name.to_owned(), reason, log, tail }
}

/// The first line of the lock file.
fn postmaster_pid(data: &Path) -> Option<i32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}
