//! Making a data folder.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::OWNER;
use super::site::{Site, start_error, stop_plan};
use crate::error::ServerError;
use crate::log_file::LogFile;
use crate::process::ManagedProcess;
use crate::registry::Registry;

/// The database that exists from the start.
const DATABASE: &str = "mediconnect";

impl Site<'_> {
    /// Makes the data folder when there is none. Made beside and renamed: a folder of that name
    /// is always complete.
    pub(super) async fn ensure_data(&self) -> Result<(), ServerError> {
        let data = self.data();
        if let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) {
            return self.check_data_version(version.trim());
        }
        let unfinished = self.placement.folder.join("data.new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(ServerError::at("removing", &unfinished))?;
        }
        self.run_initdb(&unfinished).await?;
        self.create_database(&unfinished).await?;
        if self.options.durable {
            self.write_to_disk(&unfinished).await?;
        }
        fs::rename(&unfinished, &data).map_err(ServerError::at("renaming", &unfinished))
    }

    fn check_data_version(&self, version: &str) -> Result<(), ServerError> {
        if version == self.binaries.major().to_string() {
            return Ok(());
        }
        Err(ServerError::TooOld {
            path: self.data(),
            found: format!("data of PostgreSQL {version}"),
            needed: format!("data of PostgreSQL {}", self.binaries.major()),
            advice: format!(
                "Name the folder of PostgreSQL {version}'s programs in MC_POSTGRES_BIN, or start \
                 over with --fresh."
            ),
        })
    }

    async fn run_initdb(&self, data: &Path) -> Result<(), ServerError> {
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(data).args(["-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-instructions", "--no-sync"]);
        initdb.arg("--pwfile").arg(self.password_file());
        self.run_to_end("initdb", initdb, None).await
    }

    /// Once for everything that the steps before have written.
    async fn write_to_disk(&self, data: &Path) -> Result<(), ServerError> {
        let mut initdb = self.command("initdb");
        initdb.arg("--sync-only").arg("-D").arg(data);
        self.run_to_end("initdb --sync-only", initdb, None).await
    }

    /// In single-user mode, since nothing here speaks PostgreSQL's protocol.
    async fn create_database(&self, data: &Path) -> Result<(), ServerError> {
        let mut single = self.command("postgres");
        single.args(["--single", "-F", "-j", "-D"]).arg(data).arg("postgres");
        let statement = format!("CREATE DATABASE {DATABASE} OWNER {OWNER};\n");
        self.run_to_end("postgres --single", single, Some(statement)).await
    }

    async fn run_to_end(
        &self,
        name: &str,
        mut command: Command,
        input: Option<String>,
    ) -> Result<(), ServerError> {
        let log = LogFile::open(&self.home.join("logs"), "initdb")?;
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(log.stdio()?).stderr(log.stdio()?);
        let registry = Registry::of_home(self.home)?;
        let mut process = ManagedProcess::spawn(&registry, "initdb", command, stop_plan())?;
        if let (Some(text), Some(mut stdin)) = (input, process.take_stdin()) {
            let written = stdin.write_all(text.as_bytes()).await;
            written.map_err(ServerError::doing(format!("writing to {name}")))?;
        }
        let status = process.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(start_error(name, &log, format!("it ended with {status}")))
    }
}
