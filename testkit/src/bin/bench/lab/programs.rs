//! The product's processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use secrecy::{ExposeSecret as _, SecretString};
use servers::{LogFile, ManagedProcess, Registry, StopPlan, free_loopback_port};
use store::ServiceRole;
use tokio::process::Command;
use tokio::time::{Instant, interval};

use super::{Database, Lab, Who, http};

/// How long a service may take to become ready.
const READY_BOUND: Duration = Duration::from_secs(30);

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// What a service gets for its soft stop.
const STOP_BOUND: Duration = Duration::from_secs(20);

/// A running service. It ends with this value.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    url: String,
    process: ManagedProcess,
    log: LogFile,
}

/// The product's program: built beside this one.
pub fn mediconnect() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("mediconnect");
    if !program.is_file() {
        bail!("{} is not there: run the bench through `./dev bench`", program.display());
    }
    Ok(program)
}

/// Starts api. Its limits for single callers and addresses are out of the way, because the whole
/// load comes from one address; they are still counted.
pub async fn api(lab: &Lab, database: &Database) -> anyhow::Result<Program> {
    const NO_LIMIT: &str = "1000000";
    let keys = lab.home().join("keys");
    make_signing_key(&keys)?;
    let port = free_loopback_port()?;
    let environment = vec![
        ("MC_DATABASE__API_URL", database.url_for(ServiceRole::Api)?),
        ("MC_DATABASE__ACCOUNTS_URL", database.url_for(ServiceRole::Accounts)?),
        ("MC_API__LISTEN", format!("127.0.0.1:{port}").into()),
        ("MC_API__METRICS_LISTEN", format!("127.0.0.1:{}", free_loopback_port()?).into()),
        ("MC_API__KEYS_DIR", keys.to_string_lossy().into_owned().into()),
        ("MC_API__ACCESS_TOKEN_S", "7200".into()),
        ("MC_API__CALLER_PER_S", NO_LIMIT.into()),
        ("MC_API__CALLER_BURST", NO_LIMIT.into()),
        ("MC_API__ANONYMOUS_PER_S", NO_LIMIT.into()),
        ("MC_API__ANONYMOUS_BURST", NO_LIMIT.into()),
    ];
    let url = format!("http://127.0.0.1:{port}");
    let program = Program::start(lab, "api", &["api"], environment, url)?;
    program.ready("/readyz").await
}

/// Starts a booking worker. It has no door but that of its metrics.
pub async fn booking_worker(lab: &Lab, database: &Database) -> anyhow::Result<Program> {
    let metrics = format!("127.0.0.1:{}", free_loopback_port()?);
    let environment = vec![
        ("MC_DATABASE__BOOKING_URL", database.url_for(ServiceRole::Booking)?),
        ("MC_BOOKING__METRICS_LISTEN", metrics.clone().into()),
    ];
    let url = format!("http://{metrics}");
    let program = Program::start(lab, "worker", &["worker", "booking"], environment, url)?;
    program.ready("/readyz").await
}

/// Starts an audit worker, which has no other door either.
pub async fn audit_worker(lab: &Lab, database: &Database) -> anyhow::Result<Program> {
    let metrics = format!("127.0.0.1:{}", free_loopback_port()?);
    let environment = vec![
        ("MC_DATABASE__AUDIT_URL", database.url_for(ServiceRole::Audit)?),
        ("MC_AUDIT__METRICS_LISTEN", metrics.clone().into()),
    ];
    let url = format!("http://{metrics}");
    let program = Program::start(lab, "audit", &["worker", "audit"], environment, url)?;
    program.ready("/readyz").await
}

/// Starts an eligibility worker that asks at that URL.
pub async fn eligibility_worker(
    lab: &Lab,
    database: &Database,
    insurer: &Program,
) -> anyhow::Result<Program> {
    let metrics = format!("127.0.0.1:{}", free_loopback_port()?);
    let environment = vec![
        ("MC_DATABASE__ELIGIBILITY_URL", database.url_for(ServiceRole::Eligibility)?),
        ("MC_ELIGIBILITY__METRICS_LISTEN", metrics.clone().into()),
        ("MC_ELIGIBILITY__INSURER_URL", insurer.url().into()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true".into()),
    ];
    let url = format!("http://{metrics}");
    let arguments = ["worker", "eligibility"];
    let program = Program::start(lab, "eligibility", &arguments, environment, url)?;
    program.ready("/readyz").await
}

/// Starts the insurer simulator, which answers at once.
pub async fn insurer(lab: &Lab) -> anyhow::Result<Program> {
    let listen = format!("127.0.0.1:{}", free_loopback_port()?);
    let arguments = ["insurer", "--listen", &listen];
    let program = Program::start(lab, "insurer", &arguments, vec![], format!("http://{listen}"))?;
    program.ready("/healthz").await
}

impl Program {
    fn start(
        lab: &Lab,
        name: &'static str,
        arguments: &[&str],
        environment: Vec<(&str, SecretString)>,
        url: String,
    ) -> anyhow::Result<Self> {
        let log = LogFile::open(&lab.home().join("logs"), name)?;
        let mut command = Command::new(mediconnect()?);
        // Settings of whoever runs this must not change what is measured.
        command.args(arguments).env_clear().env("NATS_URL", lab.nats_settings().url);
        for (name, value) in environment {
            command.env(name, value.expose_secret());
        }
        command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let registry = Registry::of_home(lab.home())?;
        let plan = StopPlan::terminate(STOP_BOUND);
        let process = ManagedProcess::spawn(&registry, name, command, plan)?;
        Ok(Self { name, url, process, log })
    }

    async fn ready(mut self, path: &str) -> anyhow::Result<Self> {
        let probe = format!("{}{path}", self.url);
        let give_up = Instant::now() + READY_BOUND;
        let mut asks = interval(ASK_EVERY);
        loop {
            asks.tick().await;
            if let Some(status) = self.process.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.log.tail());
            }
            if http::get(&probe).await == Some(200) {
                return Ok(self);
            }
            if Instant::now() > give_up {
                bail!("{} was not ready in {READY_BOUND:?}: {}", self.name, self.log.tail());
            }
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub fn who(&self) -> Who {
        Who::Process(self.name, self.process.pid())
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        format!("the end of the log of {}: {}", self.name, self.log.tail())
    }

    /// Soft stop.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let status = self.process.stop().await?;
        if !status.success() {
            bail!("{} ended with {status}: {}", self.name, self.log.tail());
        }
        Ok(())
    }
}

fn make_signing_key(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("no random numbers for a signing key"))?;
    let text = pem::encode(&pem::Pem::new("PRIVATE KEY", key.as_ref()));
    std::fs::write(folder.join("bench.pem"), text).context("writing a signing key")
}
