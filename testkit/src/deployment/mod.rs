//! What `docker-compose.yml` describes, as processes of this machine: the same files for three
//! NATS nodes, the same users and roles, the same settings and secrets. Only addresses differ.

mod nodes;
mod site;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use servers::{
    LogFile, ManagedProcess, PostgresBinaries, PostgresOptions, PrivatePostgres, Registry,
    StopPlan, free_loopback_port,
};
use tempfile::TempDir;
use tokio::process::Command;

pub use nodes::Node;
use site::Site;

use crate::system::{folder, metrics, wait_until};
use crate::{Api, program};

/// How many of them docker-compose.yml starts.
const APIS: usize = 2;
const WORKERS: usize = 2;

/// A running deployment. What is left of it ends with the test.
pub struct Deployment {
    services: Vec<Service>,
    /// The nodes of NATS, in the order of their files.
    pub nodes: Vec<Node>,
    postgres: PrivatePostgres,
    site: Site,
    settings: Vec<(String, String)>,
    home: TempDir,
}

/// One process of the product.
struct Service {
    name: String,
    listen: u16,
    metrics: u16,
    process: ManagedProcess,
}

impl Deployment {
    /// Starts everything in the order of docker-compose.yml, with further settings for all
    /// services.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        runtime::telemetry::install_crypto();
        let home = folder()?;
        let binaries = PostgresBinaries::find()?;
        let options = PostgresOptions { durable: false, ..PostgresOptions::default() };
        let postgres = PrivatePostgres::start(&binaries, home.path(), options).await?;
        let site = Site::prepare(home.path(), postgres.port()).await?;
        site.make_owner(&postgres.owner_url("postgres")).await?;
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let nodes = site.nodes.clone();
        let mut deployment = Self {
            services: Vec::new(),
            nodes: Vec::new(),
            postgres,
            site,
            settings: settings.collect(),
            home,
        };
        for node in nodes {
            deployment.nodes.push(Node::start(deployment.home.path(), node)?);
        }
        for node in &deployment.nodes {
            wait_until("the nodes have found each other", || node.is_healthy()).await?;
        }
        deployment.migrate().await?;
        for number in 1..=APIS {
            deployment.start_service("api", number, &["api"]).await?;
        }
        for number in 1..=WORKERS {
            deployment.start_service("booking", number, &["worker", "booking"]).await?;
        }
        let can_sign_in = || async { Ok(deployment.admin().await.is_ok()) };
        wait_until("the administrator can sign in", can_sign_in).await?;
        Ok(deployment)
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let output = self.command("migrate", &["migrate", "--streams"])?.output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "migrate ended with {}: {complaint}", output.status);
        Ok(())
    }

    async fn start_service(
        &mut self,
        service: &str,
        number: usize,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let (listen, port) = (free_loopback_port()?, free_loopback_port()?);
        let name = format!("{service}-{number}");
        let mut command = self.command(service, arguments)?;
        let section = service.to_uppercase();
        command.env(format!("MC_{section}__METRICS_LISTEN"), format!("127.0.0.1:{port}"));
        if service == "api" {
            command.env("MC_API__LISTEN", format!("127.0.0.1:{listen}"));
        }
        let log = LogFile::open(&self.home.path().join("logs"), &name)?;
        command.stdout(log.stdio()?).stderr(log.stdio()?).stdin(Stdio::null());
        let registry = Registry::of_home(self.home.path())?;
        let plan = StopPlan::terminate(Duration::from_secs(20));
        let process = ManagedProcess::spawn(&registry, &name, command, plan)?;
        self.services.push(Service { name, listen, metrics: port, process });
        self.wait_until_well(service == "api").await
    }

    /// As the compose file's health checks say, of the service that was started last.
    async fn wait_until_well(&mut self, is_api: bool) -> anyhow::Result<()> {
        let service = self.services.last().context("one was just started")?;
        let url = if is_api {
            format!("http://127.0.0.1:{}/readyz", service.listen)
        } else {
            format!("http://127.0.0.1:{}/metrics", service.metrics)
        };
        let is_well = || async {
            let probe = Command::new(program()).args(["probe", &url]).output().await?;
            Ok(probe.status.success())
        };
        let waited = wait_until("the service is well", is_well).await;
        waited.with_context(|| format!("{}:\n{}", service.name, self.log(&service.name)))
    }

    /// The program with the settings of a service, for one command.
    pub fn command(&self, service: &str, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program());
        command.env_clear().envs(self.site.environment(service)?).args(arguments);
        command.envs(self.settings.iter().cloned()).current_dir(self.home.path());
        Ok(command)
    }

    /// An instance of api, counted from 0, as nobody in particular.
    pub fn api(&self, instance: usize) -> Api {
        let apis: Vec<_> = self.services.iter().filter(|s| s.name.starts_with("api-")).collect();
        Api::at(format!("http://127.0.0.1:{}", apis[instance % apis.len()].listen))
    }

    /// The administrator that the deployment made, signed in.
    pub async fn admin(&self) -> anyhow::Result<Api> {
        self.api(0)
            .sign_in("admin@mediconnect.example", &self.secret("administrator.password")?)
            .await
    }

    /// A connection of a NATS user, to the first node.
    pub async fn nats_user(
        &self,
        user: &str,
        options: async_nats::ConnectOptions,
    ) -> anyhow::Result<async_nats::Client> {
        let password = self.secret(&format!("nats-{user}.password"))?;
        let options = options
            .custom_inbox_prefix(format!("_INBOX.{user}"))
            .user_and_password(user.to_owned(), password);
        let urls: Vec<_> = self.nodes.iter().map(Node::url).collect();
        Ok(options.connect(urls.as_slice()).await?)
    }

    /// The superuser's connection, to look behind the scenes.
    pub async fn database(&self) -> anyhow::Result<tokio_postgres::Client> {
        connect(&self.postgres.owner_url("scheduling")).await
    }

    /// A connection with the URL in a secret, such as `api.url`.
    pub async fn database_as(&self, secret: &str) -> anyhow::Result<tokio_postgres::Client> {
        connect(&self.secret(secret)?.into()).await
    }

    /// One of the files that `deploy/make-secrets` made.
    pub fn secret(&self, name: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.site.secrets().join(name))?)
    }

    /// The sum of a counter over the instances of a service and over its labels.
    pub async fn counter(&self, service: &str, name: &str) -> anyhow::Result<u64> {
        let mut sum = 0.0;
        for found in self.services.iter().filter(|s| s.name.starts_with(service)) {
            let text = metrics(found.metrics).await?;
            let lines = text.lines().filter(|line| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
            });
            let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            sum += values.sum::<f64>();
        }
        Ok(sum as u64)
    }

    /// Names of all services that run, for [`Deployment::log`].
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| service.name.as_str())
    }

    /// What a process has logged so far.
    pub fn log(&self, name: &str) -> String {
        let file = self.home.path().join(format!("logs/{name}.log"));
        std::fs::read_to_string(file).unwrap_or_default()
    }

    /// Fails when a process has ended by itself.
    pub fn check_services(&mut self) -> anyhow::Result<()> {
        for service in &mut self.services {
            let ended = service.process.try_wait()?;
            ensure!(ended.is_none(), "{} ended with {ended:?}", service.name);
        }
        Ok(())
    }

    /// Looks until the condition holds.
    pub async fn wait_until<F>(&self, what: &str, holds: impl Fn() -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<bool>>,
    {
        wait_until(what, holds).await
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }
}

async fn connect(url: &SecretString) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) =
        tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
