//! Starting the server on its data, and knowing when it is ready.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

use super::site::{Site, start_error, stop_plan};
use crate::error::ServerError;
use crate::log_file::LogFile;
use crate::port::free_loopback_port;
use crate::process::ManagedProcess;
use crate::registry::Registry;

/// Recovery after a kill -9 of a busy server is the slowest start.
const START_BOUND: Duration = Duration::from_mins(2);
/// How long a start waits for the last traces of a killed server to go away.
const TRACES_BOUND: Duration = Duration::from_secs(10);
/// How often those are looked at.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// How often a starting server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often a start is repeated because somebody else took the port.
const PORT_ATTEMPTS: u32 = 5;

impl Site<'_> {
    pub(super) async fn launch_on_free_port(&self) -> Result<(ManagedProcess, u16), ServerError> {
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

    /// Starts the server; repeats that while a killed server's lock file or shared memory is in
    /// the way, which lasts until its last process has noticed.
    pub(super) async fn launch(&self, port: u16) -> Result<ManagedProcess, ServerError> {
        let give_up = Instant::now() + TRACES_BOUND;
        let mut look = interval(RETRY_EVERY);
        loop {
            look.tick().await;
            match self.launch_once(port).await {
                Err(error) if traces_in_the_way(&error) && Instant::now() < give_up => {}
                result => return result,
            }
        }
    }

    async fn launch_once(&self, port: u16) -> Result<ManagedProcess, ServerError> {
        let log = LogFile::open(&self.home.join("logs"), "postgres")?;
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.data()).args(["-p", &port.to_string()]);
        for (name, value) in self.settings() {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        postgres.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let registry = Registry::of_home(self.home)?;
        let mut process = ManagedProcess::spawn(&registry, "postgres", postgres, stop_plan())?;
        self.wait_until_ready(&mut process, &log, port).await?;
        Ok(process)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let durable = self.options.durable;
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            // No socket: its path would have to be short, and in a folder both accounts can reach.
            ("unix_socket_directories", String::new()),
            ("max_connections", self.options.max_connections.to_string()),
            // Commits stay synchronous either way: they must survive a kill of the server, which
            // tests do, even when they needn't survive a power cut.
            ("fsync", switch(durable)),
            ("full_page_writes", switch(durable)),
            ("log_line_prefix", "%m [%p] %u@%d ".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("timezone", "UTC".to_owned()),
            // The detail of a violated constraint quotes values, and those may be personal data.
            ("log_error_verbosity", "terse".to_owned()),
            ("log_parameter_max_length", "0".to_owned()),
        ];
        settings.extend(self.options.settings.iter().cloned());
        settings
    }

    /// The lock file must name our own child: an orphan would answer on the port as well.
    async fn wait_until_ready(
        &self,
        process: &mut ManagedProcess,
        log: &LogFile,
        port: u16,
    ) -> Result<(), ServerError> {
        let give_up = Instant::now() + START_BOUND;
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            if let Some(status) = process.try_wait()? {
                return Err(start_error("PostgreSQL", log, format!("it ended with {status}")));
            }
            if says_ready(&self.data(), process.pid())
                && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
            {
                return Ok(());
            }
            if Instant::now() > give_up {
                let reason = format!("it was not ready within {} s", START_BOUND.as_secs());
                return Err(start_error("PostgreSQL", log, reason));
            }
        }
    }
}

fn port_was_taken(error: &ServerError) -> bool {
    matches!(error, ServerError::Start { tail, .. } if tail.contains("Address already in use"))
}

fn traces_in_the_way(error: &ServerError) -> bool {
    matches!(error, ServerError::Start { tail, .. }
        if tail.contains("\"postmaster.pid\" already exists")
            || tail.contains("pre-existing shared memory block"))
}

/// The eighth line of the lock file is the server's state.
fn says_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
        && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}
