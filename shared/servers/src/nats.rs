//! A private nats-server with JetStream.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, interval, timeout};

use crate::error::ServerError;
use crate::log_file::LogFile;
use crate::nats_binary::NatsBinary;
use crate::port::free_loopback_port;
use crate::process::{ManagedProcess, StopPlan};
use crate::registry::Registry;

const CONFIGURATION: &str = include_str!("../../../nats/nats-server.conf");

/// A large store is checked before the server answers.
const START_BOUND: Duration = Duration::from_mins(1);
/// A soft stop takes 70 ms when idle.
const STOP_BOUND: Duration = Duration::from_secs(10);
/// How often a starting server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long one greeting may take.
const GREETING_BOUND: Duration = Duration::from_secs(1);
/// How often a start is repeated because somebody else took the port.
const PORT_ATTEMPTS: u32 = 5;

/// Who may connect.
#[derive(Clone, Debug)]
pub struct NatsLogin {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
}

/// How a private server is run.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// The port; a free one when `None`.
    pub port: Option<u16>,
    /// Whether an acknowledged publish survives a power cut. Off is for tests only.
    pub sync_always: bool,
    /// Who may connect; everyone on this machine when `None`.
    pub login: Option<NatsLogin>,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self { port: None, sync_always: true, login: None }
    }
}

/// A running private server. Dropping it ends it, but [`PrivateNats::stop`] is kinder.
#[derive(Debug)]
pub struct PrivateNats {
    binary: NatsBinary,
    home: PathBuf,
    options: NatsOptions,
    port: u16,
    process: ManagedProcess,
}

impl PrivateNats {
    /// Starts a server on a home's store and waits until JetStream is ready.
    ///
    /// # Errors
    /// With the end of the server's log when it doesn't start.
    pub async fn start(
        binary: &NatsBinary,
        home: &Path,
        options: NatsOptions,
    ) -> Result<Self, ServerError> {
        let site = Site::prepare(binary, home, &options)?;
        let (process, port) = site.launch_on_free_port().await?;
        Ok(Self { binary: binary.clone(), home: home.to_owned(), options, port, process })
    }

    /// Removes a home's store. The server must not be running.
    ///
    /// # Errors
    /// When the files can't be removed.
    pub fn remove(home: &Path) -> Result<(), ServerError> {
        let folder = home.join("nats");
        if !folder.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&folder).map_err(ServerError::at("removing", &folder))
    }

    /// The URL to connect to. The login isn't part of it: async-nats ignores it there.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The server's log.
    pub fn log_path(&self) -> PathBuf {
        self.home.join("logs/nats.log")
    }

    /// Waits until the server ends by itself. Cancel safe.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        self.process.wait().await
    }

    /// SIGTERM, then SIGKILL; waits until it is gone.
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

    /// SIGSTOP, for fault tests: it keeps its connections and says nothing.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub fn suspend(&self) -> Result<(), ServerError> {
        self.process.suspend()
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.process.resume()
    }

    /// Starts the server again on the same port, so that clients find it, after a stop, a kill or
    /// an end of its own.
    ///
    /// # Errors
    /// With the end of the server's log when it doesn't start.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.process.stop().await?;
        let site = Site::prepare(&self.binary, &self.home, &self.options)?;
        self.process = site.launch(self.port).await?;
        Ok(())
    }
}

/// Everything a start needs to know.
struct Site<'a> {
    binary: &'a NatsBinary,
    options: &'a NatsOptions,
    home: PathBuf,
    folder: PathBuf,
}

impl<'a> Site<'a> {
    /// Makes the folder and writes the configuration.
    fn prepare(
        binary: &'a NatsBinary,
        home: &Path,
        options: &'a NatsOptions,
    ) -> Result<Self, ServerError> {
        let folder = home.join("nats");
        fs::create_dir_all(&folder).map_err(ServerError::at("creating", &folder))?;
        let home = home.canonicalize().map_err(ServerError::at("following", home))?;
        let folder = home.join("nats");
        let configuration = folder.join("nats-server.conf");
        let mut text = CONFIGURATION.to_owned();
        if options.login.is_some() {
            text.push_str("\nauthorization { user: $MC_NATS_USER, password: $MC_NATS_PASSWORD }\n");
        }
        fs::write(&configuration, text).map_err(ServerError::at("writing", &configuration))?;
        Ok(Self { binary, options, home, folder })
    }

    async fn launch_on_free_port(&self) -> Result<(ManagedProcess, u16), ServerError> {
        if let Some(port) = self.options.port {
            return Ok((self.launch(port).await?, port));
        }
        let mut attempt = 1;
        loop {
            let port = free_loopback_port()?;
            match self.launch(port).await {
                Ok(process) => return Ok((process, port)),
                Err(error) if attempt < PORT_ATTEMPTS && port_was_taken(&error) => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn launch(&self, port: u16) -> Result<ManagedProcess, ServerError> {
        let log = LogFile::open(&self.home.join("logs"), "nats")?;
        let ports = self.folder.join("ports");
        let _ = fs::remove_dir_all(&ports); // a killed server leaves its file
        fs::create_dir_all(&ports).map_err(ServerError::at("creating", &ports))?;
        let mut command = self.command(port);
        command.arg("-c").arg(self.folder.join("nats-server.conf"));
        command.arg("--ports_file_dir").arg(&ports);
        command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let registry = Registry::of_home(&self.home)?;
        let plan = StopPlan::terminate(STOP_BOUND);
        let mut process = ManagedProcess::spawn(&registry, "nats", command, plan)?;
        let ports_file = ports.join(self.ports_file_name(process.pid()));
        wait_until_ready(&mut process, &log, &ports_file, port).await?;
        Ok(process)
    }

    /// Secrets and paths travel in the environment, quoted as the configuration's language wants.
    fn command(&self, port: u16) -> Command {
        let mut command = Command::new(self.binary.path());
        let sync_interval = if self.options.sync_always { "always" } else { "2m" };
        command
            .env_clear()
            .current_dir(&self.folder)
            .env("MC_NATS_SERVER_NAME", quoted(format!("mediconnect-{port}")))
            .env("MC_NATS_PORT", port.to_string())
            .env("MC_NATS_STORE_DIR", quoted(self.folder.join("store")))
            .env("MC_NATS_SYNC_INTERVAL", quoted(sync_interval));
        if let Some(NatsLogin { user, password }) = &self.options.login {
            command.env("MC_NATS_USER", quoted(user));
            command.env("MC_NATS_PASSWORD", quoted(password.expose_secret()));
        }
        command
    }

    fn ports_file_name(&self, pid: u32) -> String {
        let program = self.binary.path().file_name().map(OsStr::to_string_lossy);
        format!("{}_{pid}.ports", program.unwrap_or_default())
    }
}

fn quoted(value: impl AsRef<OsStr>) -> String {
    let text = value.as_ref().to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// The ports file, which our own child writes after it has bound the port, and a greeting that
/// says JetStream: it is opened after JetStream has recovered its streams.
async fn wait_until_ready(
    process: &mut ManagedProcess,
    log: &LogFile,
    ports_file: &Path,
    port: u16,
) -> Result<(), ServerError> {
    let give_up = Instant::now() + START_BOUND;
    let mut look = interval(LOOK_EVERY);
    loop {
        look.tick().await;
        if let Some(status) = process.try_wait()? {
            return Err(start_error(log, format!("it ended with {status}")));
        }
        if ports_file.exists() && greeting(port).await.is_some_and(|info| info.jetstream) {
            return Ok(());
        }
        if Instant::now() > give_up {
            let reason = format!("it was not ready within {} s", START_BOUND.as_secs());
            return Err(start_error(log, reason));
        }
    }
}

/// The first line of every connection: `INFO {…}`.
#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    jetstream: bool,
}

async fn greeting(port: u16) -> Option<Info> {
    let read = async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.ok()?;
        serde_json::from_str(line.strip_prefix("INFO ")?).ok()
    };
    timeout(GREETING_BOUND, read).await.ok().flatten()
}

fn start_error(log: &LogFile, reason: String) -> ServerError {
    let (log, tail) = (log.path().to_owned(), log.tail());
    ServerError::Start { name: "nats-server".to_owned(), reason, log, tail }
}

fn port_was_taken(error: &ServerError) -> bool {
    matches!(error, ServerError::Start { tail, .. } if tail.contains("address already in use"))
}
