//! The nodes of NATS, from `nats/node-1.conf` and its siblings.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use servers::{LogFile, ManagedProcess, NatsBinary, Registry, StopPlan};
use tokio::process::Command;

/// How many there are.
pub(super) const NODES: usize = 3;

/// Where a node's configuration is, and the ports that it gets.
#[derive(Clone, Debug)]
pub(super) struct NodeFiles {
    pub number: usize,
    pub folder: PathBuf,
    pub client: u16,
    pub monitor: u16,
    pub route: u16,
}

/// One node.
pub struct Node {
    home: PathBuf,
    files: NodeFiles,
    process: ManagedProcess,
}

impl Node {
    pub(super) fn start(home: &Path, files: NodeFiles) -> anyhow::Result<Self> {
        let process = spawn(home, &files)?;
        Ok(Self { home: home.to_owned(), files, process })
    }

    /// Its name in the cluster.
    pub fn name(&self) -> String {
        format!("mediconnect-{}", self.files.number)
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.files.client)
    }

    /// What the compose file's health check asks: the node runs, and its JetStream is up to date.
    pub async fn is_healthy(&self) -> anyhow::Result<bool> {
        let url = format!("http://127.0.0.1:{}/healthz", self.files.monitor);
        Ok(reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success()))
    }

    /// Starts it again when it has ended.
    pub(super) fn restart_if_ended(&mut self) -> anyhow::Result<()> {
        if self.process.try_wait()?.is_some() { self.restart() } else { Ok(()) }
    }

    /// Where it tells how it is.
    pub fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.files.monitor)
    }

    /// kill -9.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await.map(drop).context("killing a node")
    }

    /// Starts it again, on the same ports and the same store.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&self.home, &self.files)?;
        Ok(())
    }
}

fn spawn(home: &Path, files: &NodeFiles) -> anyhow::Result<ManagedProcess> {
    let name = format!("nats-{}", files.number);
    let local = |port: u16| format!("\"127.0.0.1:{port}\"");
    let store = home.join("stores").join(&name);
    std::fs::create_dir_all(&store)?;
    let binary = NatsBinary::find().context("run the tests with `./dev test`")?;
    let mut command = Command::new(binary.path());
    command
        .arg("-c")
        .arg(files.folder.join(format!("node-{}.conf", files.number)))
        .env_clear()
        .env("MC_NATS_LISTEN", local(files.client))
        .env("MC_NATS_MONITOR", local(files.monitor))
        .env("MC_NATS_CLUSTER_LISTEN", local(files.route))
        .env("MC_NATS_STORE_DIR", format!("\"{}\"", store.display()));
    let log = LogFile::open(&home.join("logs"), &name)?;
    command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
    let plan = StopPlan::terminate(Duration::from_secs(10));
    Ok(ManagedProcess::spawn(&Registry::of_home(home)?, &name, command, plan)?)
}
