//! A private PostgreSQL server.

mod data;
mod launch;
mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use secrecy::{ExposeSecret, SecretString};

use crate::error::ServerError;
use crate::placement::Placement;
use crate::postgres_binaries::PostgresBinaries;
use crate::process::ManagedProcess;
use site::Site;

/// The superuser, owner of every database of a private server.
const OWNER: &str = "mediconnect";

/// How a private server is run.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether a commit survives a power cut (fsync). Off is for tests only.
    pub durable: bool,
    /// The port; a free one when `None`.
    pub port: Option<u16>,
    /// Connections the server allows, its own reserve included.
    pub max_connections: u32,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(&'static str, String)>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { durable: true, port: None, max_connections: 100, settings: Vec::new() }
    }
}

/// A running private server. Dropping it ends it, but [`PrivatePostgres::stop`] is kinder.
#[derive(Debug)]
pub struct PrivatePostgres {
    binaries: PostgresBinaries,
    home: PathBuf,
    placement: Placement,
    options: PostgresOptions,
    password: SecretString,
    port: u16,
    process: ManagedProcess,
}

impl PrivatePostgres {
    /// Starts a server on a home's data, which is made when there is none, and waits until it
    /// accepts connections on loopback.
    ///
    /// # Errors
    /// With the end of the server's log when it doesn't start.
    pub async fn start(
        binaries: &PostgresBinaries,
        home: &Path,
        options: PostgresOptions,
    ) -> Result<Self, ServerError> {
        fs::create_dir_all(home).map_err(ServerError::at("creating", home))?;
        let home = home.canonicalize().map_err(ServerError::at("following", home))?;
        let placement = Placement::of(&home)?;
        let site = Site { binaries, home: &home, placement: &placement, options: &options };
        let password = site.superuser_password()?;
        site.end_stray_server().await?;
        site.ensure_data().await?;
        let (process, port) = site.launch_on_free_port().await?;
        Ok(Self { binaries: binaries.clone(), home, placement, options, password, port, process })
    }

    /// Removes a home's data, wherever it is kept. The server must not be running.
    ///
    /// # Errors
    /// When the files can't be removed.
    pub fn remove(home: &Path) -> Result<(), ServerError> {
        match home.canonicalize() {
            Ok(home) => Placement::remove(&home),
            Err(_) => Ok(()), // no home, no data
        }
    }

    /// The superuser's URL for a database. A database `mediconnect` exists from the start.
    pub fn owner_url(&self, database: &str) -> SecretString {
        let (password, port) = (self.password.expose_secret(), self.port);
        SecretString::from(format!("postgres://{OWNER}:{password}@127.0.0.1:{port}/{database}"))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The server's log.
    pub fn log_path(&self) -> PathBuf {
        self.home.join("logs/postgres.log")
    }

    /// Waits until the server ends by itself. Cancel safe.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        self.process.wait().await
    }

    /// Fast shutdown: connections are ended, everything is written.
    ///
    /// # Errors
    /// When it can't be ended.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.process.stop().await.map(drop)
    }

    /// SIGKILL, for fault tests.
    ///
    /// # Errors
    /// When it can't be ended.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        self.process.kill().await.map(drop)
    }

    /// Starts the server again on the same port, after a stop, a kill or an end of its own.
    ///
    /// # Errors
    /// With the end of the server's log when it doesn't start.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.process.stop().await?;
        let site = Site {
            binaries: &self.binaries,
            home: &self.home,
            placement: &self.placement,
            options: &self.options,
        };
        self.process = site.launch(self.port).await?;
        Ok(())
    }
}
