//! The api, the workers and the insurer simulator, as processes of this same program.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use servers::{LogFile, ManagedProcess, Registry, ServerError, StopPlan};
use store::{ServiceRole, with_login};
use tokio::process::Command;

use super::backing::Backing;
use super::home::Home;
use super::limits::Limits;
use super::ports::Addresses;
use super::secrets::Secrets;
use super::start::Wishes;

/// The running program's own file, even when a newer build has taken its place.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What a service gets beyond its own grace before it is killed.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// Only `up` itself may know these: a service gets its own login and nothing more.
const NOT_FOR_SERVICES: [&str; 5] =
    ["DATABASE_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MC_ADMIN__EMAIL", "MC_ADMIN__PASSWORD"];

/// How a service is started, now and again.
#[derive(Debug)]
pub struct ServicePlan {
    name: &'static str,
    arguments: &'static [&'static str],
    more_arguments: Vec<String>,
    /// Secrets travel here, never as arguments, which everybody on the machine can read.
    environment: Vec<(&'static str, SecretString)>,
    home: PathBuf,
    logs: PathBuf,
    stop: StopPlan,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    plan: ServicePlan,
    process: ManagedProcess,
    log: LogFile,
}

impl ServicePlan {
    /// The HTTP API.
    pub fn api(
        wishes: &Wishes,
        home: &Home,
        backing: &Backing,
        secrets: &Secrets,
        addresses: &Addresses,
    ) -> anyhow::Result<Self> {
        let url = |role| with_login(&backing.owner_url, role, secrets.password_of(role));
        let mut plan = Self::new("api", &["api"], wishes, home, backing);
        plan.environment.extend([
            ("MC_DATABASE__API_URL", url(ServiceRole::Api)?),
            ("MC_DATABASE__ACCOUNTS_URL", url(ServiceRole::Accounts)?),
            ("MC_API__LISTEN", addresses.api.to_string().into()),
            ("MC_API__METRICS_LISTEN", addresses.api_metrics.to_string().into()),
        ]);
        let keys = wishes.settings.api.keys_dir.clone().unwrap_or_else(|| home.keys());
        plan.environment.push(("MC_API__KEYS_DIR", keys.to_string_lossy().into_owned().into()));
        let limits = Limits::of(&wishes.settings.api).environment;
        plan.environment.extend(limits.into_iter().map(|(name, value)| (name, value.into())));
        Ok(plan)
    }

    /// The booking worker.
    pub fn booking(
        wishes: &Wishes,
        home: &Home,
        backing: &Backing,
        secrets: &Secrets,
        addresses: &Addresses,
    ) -> anyhow::Result<Self> {
        let role = ServiceRole::Booking;
        let url = with_login(&backing.owner_url, role, secrets.password_of(role))?;
        let mut plan = Self::new("booking", &["worker", "booking"], wishes, home, backing);
        plan.environment.extend([
            ("MC_DATABASE__BOOKING_URL", url),
            ("MC_BOOKING__METRICS_LISTEN", addresses.booking_metrics.to_string().into()),
        ]);
        Ok(plan)
    }

    /// The audit worker.
    pub fn audit(
        wishes: &Wishes,
        home: &Home,
        backing: &Backing,
        secrets: &Secrets,
        addresses: &Addresses,
    ) -> anyhow::Result<Self> {
        let role = ServiceRole::Audit;
        let url = with_login(&backing.owner_url, role, secrets.password_of(role))?;
        let mut plan = Self::new("audit", &["worker", "audit"], wishes, home, backing);
        plan.environment.extend([
            ("MC_DATABASE__AUDIT_URL", url),
            ("MC_AUDIT__METRICS_LISTEN", addresses.audit_metrics.to_string().into()),
        ]);
        Ok(plan)
    }

    /// The eligibility worker. It asks the simulator when that runs, else whom the settings name.
    pub fn eligibility(
        wishes: &Wishes,
        home: &Home,
        backing: &Backing,
        secrets: &Secrets,
        addresses: &Addresses,
    ) -> anyhow::Result<Self> {
        let role = ServiceRole::Eligibility;
        let url = with_login(&backing.owner_url, role, secrets.password_of(role))?;
        let arguments = &["worker", "eligibility"];
        let mut plan = Self::new("eligibility", arguments, wishes, home, backing);
        let metrics = addresses.eligibility_metrics.to_string();
        plan.environment.extend([
            ("MC_DATABASE__ELIGIBILITY_URL", url),
            ("MC_ELIGIBILITY__METRICS_LISTEN", metrics.into()),
        ]);
        if wishes.wants_insurer_simulator() {
            plan.environment.extend([
                ("MC_ELIGIBILITY__INSURER_URL", format!("http://{}", addresses.insurer).into()),
                ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true".into()),
            ]);
        }
        Ok(plan)
    }

    /// The insurer simulator.
    pub fn insurer(wishes: &Wishes, home: &Home, backing: &Backing, addresses: &Addresses) -> Self {
        let mut plan = Self::new("insurer", &["insurer"], wishes, home, backing);
        plan.more_arguments = vec!["--listen".to_owned(), addresses.insurer.to_string()];
        // It needs no server, so it learns of none.
        plan.environment.retain(|(name, _)| *name == "MC_CONFIG");
        plan
    }

    fn new(
        name: &'static str,
        arguments: &'static [&'static str],
        wishes: &Wishes,
        home: &Home,
        backing: &Backing,
    ) -> Self {
        let mut environment = vec![("NATS_URL", SecretString::from(backing.nats.url.clone()))];
        if let Some((user, password)) = backing.nats.credentials() {
            environment.push(("MC_NATS__USER", SecretString::from(user)));
            environment.push(("MC_NATS__PASSWORD", password.clone()));
        }
        if let Some(config) = &wishes.config {
            let config = config.to_string_lossy().into_owned();
            environment.push(("MC_CONFIG", config.into()));
        }
        let grace = Duration::from_millis(wishes.settings.lifecycle.stop_grace_ms);
        Self {
            name,
            arguments,
            more_arguments: Vec::new(),
            environment,
            home: home.path().to_owned(),
            logs: home.logs(),
            stop: StopPlan::terminate(grace + STOP_MARGIN),
        }
    }

    /// Starts the process.
    pub fn start(self) -> Result<Service, ServerError> {
        let (process, log) = self.spawn()?;
        Ok(Service { plan: self, process, log })
    }

    fn spawn(&self) -> Result<(ManagedProcess, LogFile), ServerError> {
        let log = LogFile::open(&self.logs, self.name)?;
        let mut command = Command::new(THIS_PROGRAM);
        command.arg0("mediconnect").args(self.arguments).args(&self.more_arguments);
        for name in NOT_FOR_SERVICES {
            command.env_remove(format!("{name}_FILE"));
            command.env_remove(name);
        }
        for (name, value) in &self.environment {
            command.env(name, value.expose_secret());
        }
        command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let registry = Registry::of_home(&self.home)?;
        let process = ManagedProcess::spawn(&registry, self.name, command, self.stop.clone())?;
        Ok((process, log))
    }
}

impl Service {
    /// Its name in logs and records.
    pub fn name(&self) -> &'static str {
        self.plan.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        format!("{}:\n{}", self.log.path().display(), self.log.tail())
    }

    /// Waits for its end. Cancel safe.
    pub async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        self.process.wait().await
    }

    /// Stops it softly.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.process.stop().await.map(drop)
    }

    /// Stops it hard.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        self.process.kill().await.map(drop)
    }

    /// Starts it again after its end.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        (self.process, self.log) = self.plan.spawn()?;
        Ok(())
    }
}
