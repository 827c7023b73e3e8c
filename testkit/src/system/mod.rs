//! The whole product as real processes: api and booking worker from the built binary, on servers
//! of the test's own. Any of them can be stopped, killed and started again.

mod program;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use runtime::settings::DatabaseSettings;
use secrecy::ExposeSecret;
use servers::{
    LogFile, ManagedProcess, PostgresBinaries, PostgresOptions, PrivatePostgres, Registry,
    StopPlan, free_loopback_port,
};
use store::{ServiceLogin, ServiceRole, with_login};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::{Api, TestDatabase, TestNats, small_streams};
pub use program::program;

/// The first administrator of every test's system.
pub const ADMIN_EMAIL: &str = "admin@clinic.example";
/// Their password.
pub const ADMIN_PASSWORD: &str = "lighthouse tango violet seventeen";

/// How long a process may take to become ready, or the system to come to rest. A bound against
/// hanging, not an expectation.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A database that the test shares a server for, or has to itself.
enum Postgres {
    Shared(Box<TestDatabase>),
    Own { server: Box<PrivatePostgres>, settings: Box<DatabaseSettings> },
}

/// A running system. What is left of it ends with the test.
pub struct System {
    postgres: Postgres,
    /// The system's nats-server.
    pub nats: TestNats,
    api: Option<ManagedProcess>,
    worker: Option<ManagedProcess>,
    audit: Option<ManagedProcess>,
    eligibility: Option<ManagedProcess>,
    /// Further instances of api, beside the first.
    more_apis: Vec<ManagedProcess>,
    listen: u16,
    api_metrics: u16,
    worker_metrics: u16,
    eligibility_metrics: u16,
    environment: Vec<(String, String)>,
    home: TempDir,
}

impl System {
    /// Everything running and ready, on the PostgreSQL that the suite shares.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// As [`System::start`], with settings of the test's own.
    pub async fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let database = TestDatabase::create().await?;
        Self::in_folder(folder()?, Postgres::Shared(database.into()), settings).await
    }

    /// As [`System::start`], with a PostgreSQL that the test can stop.
    pub async fn start_with_own_postgres() -> anyhow::Result<Self> {
        Self::start_with_own_postgres_and(&[]).await
    }

    /// As [`System::start_with_own_postgres`], with settings of the test's own.
    pub async fn start_with_own_postgres_and(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let home = folder()?;
        let binaries = PostgresBinaries::find()?;
        let options = PostgresOptions { durable: false, ..PostgresOptions::default() };
        let server = PrivatePostgres::start(&binaries, home.path(), options).await?;
        let owner = server.owner_url("mediconnect");
        let logins = ServiceRole::ALL
            .map(|role| ServiceLogin { role, password: "only for tests".to_owned().into() });
        store::migrate(&owner, &logins).await?;
        let url = |role| with_login(&owner, role, &"only for tests".to_owned().into());
        let database = DatabaseSettings {
            api_url: Some(url(ServiceRole::Api)?),
            accounts_url: Some(url(ServiceRole::Accounts)?),
            booking_url: Some(url(ServiceRole::Booking)?),
            eligibility_url: Some(url(ServiceRole::Eligibility)?),
            ops_url: Some(url(ServiceRole::Ops)?),
            audit_url: Some(url(ServiceRole::Audit)?),
            auditor_url: Some(url(ServiceRole::Auditor)?),
            url: Some(owner),
            ..DatabaseSettings::default()
        };
        let own = Postgres::Own { server: Box::new(server), settings: Box::new(database) };
        Self::in_folder(home, own, settings).await
    }

    async fn in_folder(
        home: TempDir,
        postgres: Postgres,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        runtime::telemetry::install_crypto();
        let nats = TestNats::start().await?;
        let (listen, api_metrics) = (free_loopback_port()?, free_loopback_port()?);
        let (worker_metrics, eligibility_metrics) = (free_loopback_port()?, free_loopback_port()?);
        let keys = home.path().join("keys");
        program::make_signing_key(&keys)?;
        let mut system = Self {
            environment: Vec::new(),
            postgres,
            nats,
            api: None,
            worker: None,
            audit: None,
            eligibility: None,
            more_apis: Vec::new(),
            listen,
            api_metrics,
            worker_metrics,
            eligibility_metrics,
            home,
        };
        system.environment = system.environment(&keys, settings);
        system.start_api().await?;
        system.start_worker().await?;
        // The first administrator is made in the background.
        let api = system.api();
        let can_sign_in = || async { Ok(api.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.is_ok()) };
        system.wait_until("the administrator can sign in", can_sign_in).await?;
        Ok(system)
    }

    fn environment(&self, keys: &Path, settings: &[(&str, &str)]) -> Vec<(String, String)> {
        let database = self.database_settings();
        let secret = |url: &Option<secrecy::SecretString>| {
            url.as_ref().map(|url| url.expose_secret().to_owned()).unwrap_or_default()
        };
        let mut environment = vec![
            ("MC_DATABASE__API_URL", secret(&database.api_url)),
            ("MC_DATABASE__ACCOUNTS_URL", secret(&database.accounts_url)),
            ("MC_DATABASE__BOOKING_URL", secret(&database.booking_url)),
            ("MC_DATABASE__ELIGIBILITY_URL", secret(&database.eligibility_url)),
            ("MC_DATABASE__OPS_URL", secret(&database.ops_url)),
            ("MC_DATABASE__AUDIT_URL", secret(&database.audit_url)),
            ("MC_DATABASE__AUDITOR_URL", secret(&database.auditor_url)),
            ("MC_AUDIT__METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("NATS_URL", self.nats.url()),
            ("MC_NATS__ACK_WAIT_MS", "2000".to_owned()),
            ("MC_API__LISTEN", format!("127.0.0.1:{}", self.listen)),
            ("MC_API__METRICS_LISTEN", format!("127.0.0.1:{}", self.api_metrics)),
            ("MC_BOOKING__METRICS_LISTEN", format!("127.0.0.1:{}", self.worker_metrics)),
            ("MC_ELIGIBILITY__METRICS_LISTEN", format!("127.0.0.1:{}", self.eligibility_metrics)),
            ("MC_API__KEYS_DIR", keys.display().to_string()),
            ("MC_API__CALLER_PER_S", "100000".to_owned()),
            ("MC_API__CALLER_BURST", "100000".to_owned()),
            ("MC_API__ANONYMOUS_PER_S", "100000".to_owned()),
            ("MC_API__ANONYMOUS_BURST", "100000".to_owned()),
            ("MC_API__SIGN_IN_PER_MIN", "100000".to_owned()),
            ("MC_API__SIGN_IN_BURST", "100000".to_owned()),
            ("MC_API__SECOND_FACTOR", "optional".to_owned()),
            ("MC_API__SERVE_DOCS", "true".to_owned()),
            ("MC_TELEMETRY__LOG_FORMAT", "json".to_owned()),
            ("ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
            ("ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
        ];
        environment.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let named = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
        small_streams().chain(named).collect()
    }

    fn database_settings(&self) -> DatabaseSettings {
        match &self.postgres {
            Postgres::Shared(database) => database.settings(),
            Postgres::Own { settings, .. } => (**settings).clone(),
        }
    }

    /// The API, as nobody in particular.
    pub fn api(&self) -> Api {
        Api::at(format!("http://127.0.0.1:{}", self.listen))
    }

    /// Where the API listens.
    pub fn listen(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.listen).into()
    }

    /// A superuser's connection, to look behind the scenes.
    pub async fn database(&self) -> anyhow::Result<tokio_postgres::Client> {
        match &self.postgres {
            Postgres::Shared(database) => database.admin().await,
            Postgres::Own { server, .. } => {
                let url = server.owner_url("mediconnect");
                let (client, connection) =
                    tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    /// Stops the test's own PostgreSQL.
    pub async fn stop_postgres(&mut self) -> anyhow::Result<()> {
        Ok(self.own_postgres()?.stop().await?)
    }

    /// Starts the test's own PostgreSQL again.
    pub async fn start_postgres(&mut self) -> anyhow::Result<()> {
        Ok(self.own_postgres()?.restart().await?)
    }

    /// The log of the test's own PostgreSQL.
    pub fn postgres_log(&self) -> anyhow::Result<String> {
        match &self.postgres {
            Postgres::Own { server, .. } => Ok(std::fs::read_to_string(server.log_path())?),
            Postgres::Shared(_) => anyhow::bail!("start the system with a PostgreSQL of its own"),
        }
    }

    fn own_postgres(&mut self) -> anyhow::Result<&mut PrivatePostgres> {
        match &mut self.postgres {
            Postgres::Own { server, .. } => Ok(server),
            Postgres::Shared(_) => anyhow::bail!("start the system with a PostgreSQL of its own"),
        }
    }

    /// Starts api and waits until it accepts.
    pub async fn start_api(&mut self) -> anyhow::Result<()> {
        self.api = Some(self.spawn("api", &["api"])?);
        let api = self.api();
        let give_up = Instant::now() + PATIENCE;
        while !api.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            let process = self.api.as_mut().context("it was just started")?;
            let ended = process.try_wait()?;
            ensure!(ended.is_none(), "api ended by itself:\n{}", self.log("api"));
            ensure!(Instant::now() < give_up, "api isn't ready");
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Starts another instance of api beside the first: the same settings, another port.
    pub async fn start_another_api(&mut self) -> anyhow::Result<Api> {
        let (listen, metrics) = (free_loopback_port()?, free_loopback_port()?);
        let name = format!("api-{}", self.more_apis.len() + 2);
        let mut command = self.command(&["api"]);
        command.env("MC_API__LISTEN", format!("127.0.0.1:{listen}"));
        command.env("MC_API__METRICS_LISTEN", format!("127.0.0.1:{metrics}"));
        self.more_apis.push(self.spawn_command(&name, command)?);
        let api = Api::at(format!("http://127.0.0.1:{listen}"));
        let is_ready =
            || async { Ok(api.get("/readyz").await.is_ok_and(|answer| answer.status == 200)) };
        self.wait_until("the other api is ready", is_ready).await?;
        Ok(api)
    }

    /// Where the keys are that sign access tokens.
    pub fn keys(&self) -> std::path::PathBuf {
        self.home.path().join("keys")
    }

    /// The id of api's process.
    pub fn api_pid(&self) -> Option<u32> {
        self.api.as_ref().map(ManagedProcess::pid)
    }

    /// Starts the booking worker and waits until it runs.
    pub async fn start_worker(&mut self) -> anyhow::Result<()> {
        self.worker = Some(self.spawn("worker", &["worker", "booking"])?);
        self.wait_until("the worker answers", || async { Ok(self.worker_metrics().await.is_ok()) })
            .await
    }

    /// Starts an eligibility worker and waits until it runs. Most tests need none.
    pub async fn start_eligibility(&mut self) -> anyhow::Result<()> {
        self.eligibility = Some(self.spawn("eligibility", &["worker", "eligibility"])?);
        let at_work = || async {
            let metrics = self.eligibility_metrics().await.unwrap_or_default();
            Ok(metrics.contains("mediconnect_eligibility_checks_open{"))
        };
        self.wait_until("the eligibility worker is at work", at_work).await
    }

    /// SIGTERM, and the end of it.
    pub async fn stop_eligibility(&mut self) -> anyhow::Result<()> {
        let status = self.eligibility.take().context("no eligibility worker runs")?.stop().await?;
        ensure!(status.success(), "the eligibility worker ended with {status}");
        Ok(())
    }

    /// kill -9.
    pub async fn kill_eligibility(&mut self) -> anyhow::Result<()> {
        self.eligibility.take().context("no eligibility worker runs")?.kill().await?;
        Ok(())
    }

    /// SIGTERM, and the end of it.
    pub async fn stop_worker(&mut self) -> anyhow::Result<()> {
        let mut worker = self.worker.take().context("no worker runs")?;
        let status = worker.stop().await?;
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }

    /// kill -9.
    pub async fn kill_worker(&mut self) -> anyhow::Result<()> {
        self.worker.take().context("no worker runs")?.kill().await?;
        Ok(())
    }

    /// Starts the audit worker, which isn't there otherwise: few tests look at what it writes.
    pub fn start_audit(&mut self) -> anyhow::Result<()> {
        self.audit = Some(self.spawn("audit", &["worker", "audit"])?);
        Ok(())
    }

    /// SIGTERM, and the end of it.
    pub async fn stop_audit(&mut self) -> anyhow::Result<()> {
        let status = self.audit.take().context("no audit worker runs")?.stop().await?;
        ensure!(status.success(), "the audit worker ended with {status}");
        Ok(())
    }

    /// kill -9.
    pub async fn kill_audit(&mut self) -> anyhow::Result<()> {
        self.audit.take().context("no audit worker runs")?.kill().await?;
        Ok(())
    }

    /// What `mediconnect audit verify --json` says, and how it exits.
    pub async fn verify_audit(&self) -> anyhow::Result<(serde_json::Value, i32)> {
        let output = self.command(&["audit", "verify", "--json"]).output().await?;
        let code = output.status.code().context("the verification was killed")?;
        let verdict = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("it printed no JSON: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok((verdict, code))
    }

    /// SIGTERM, and the end of it.
    pub async fn stop_api(&mut self) -> anyhow::Result<()> {
        let status = self.api.take().context("no api runs")?.stop().await?;
        ensure!(status.success(), "api ended with {status}");
        Ok(())
    }

    /// kill -9.
    pub async fn kill_api(&mut self) -> anyhow::Result<()> {
        self.api.take().context("no api runs")?.kill().await?;
        Ok(())
    }

    fn spawn(&self, name: &str, arguments: &[&str]) -> anyhow::Result<ManagedProcess> {
        self.spawn_command(name, self.command(arguments))
    }

    fn spawn_command(&self, name: &str, mut command: Command) -> anyhow::Result<ManagedProcess> {
        let log = LogFile::open(&self.home.path().join("logs"), name)?;
        command.stdout(log.stdio()?).stderr(log.stdio()?).stdin(std::process::Stdio::null());
        let registry = Registry::of_home(self.home.path())?;
        let plan = StopPlan::terminate(Duration::from_secs(20));
        Ok(ManagedProcess::spawn(&registry, name, command, plan)?)
    }

    /// The program with this system's settings, for one command.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&program(), arguments)
    }

    /// Another program with this system's settings.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().cloned()).args(arguments);
        command.current_dir(self.home.path());
        command
    }

    /// What a process has logged so far.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(format!("logs/{name}.log")))
            .unwrap_or_default()
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// The worker's metrics, as text.
    pub async fn worker_metrics(&self) -> anyhow::Result<String> {
        metrics(self.worker_metrics).await
    }

    /// The eligibility worker's metrics, as text.
    pub async fn eligibility_metrics(&self) -> anyhow::Result<String> {
        metrics(self.eligibility_metrics).await
    }

    /// The API's metrics, as text.
    pub async fn api_metrics(&self) -> anyhow::Result<String> {
        metrics(self.api_metrics).await
    }

    /// Looks until the condition holds.
    pub async fn wait_until<F>(&self, what: &str, holds: impl Fn() -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<bool>>,
    {
        wait_until(what, holds).await
    }

    /// What `mediconnect ledger --json` says, and how it exits.
    pub async fn ledger(&self) -> anyhow::Result<(serde_json::Value, i32)> {
        let output = self.command(&["ledger", "--json"]).output().await?;
        let code = output.status.code().context("the ledger was killed")?;
        let report = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("the ledger printed no JSON: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok((report, code))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["api", "worker", "audit", "eligibility"] {
                let log = self.log(name);
                let tail: Vec<_> = log.lines().rev().take(30).collect();
                eprintln!("--- the end of {name}'s log, newest first\n{}", tail.join("\n"));
            }
        }
    }
}

/// Looks until the condition holds.
pub(crate) async fn wait_until<F>(what: &str, holds: impl Fn() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<bool>>,
{
    let give_up = Instant::now() + PATIENCE;
    while !holds().await? {
        let now = Instant::now();
        ensure!(now < give_up, "waited in vain until {what}");
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Open to the account that PostgreSQL runs as when the suite runs as root.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o755);
    Ok(tempfile::Builder::new().prefix("mediconnect-").permissions(permissions).tempdir()?)
}

pub(crate) async fn metrics(port: u16) -> anyhow::Result<String> {
    let url = format!("http://127.0.0.1:{port}/metrics");
    Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
}
