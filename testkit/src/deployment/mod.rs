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
use crate::{Api, program, small_streams};

/// How many of them docker-compose.yml starts.
const APIS: usize = 2;
const WORKERS: usize = 2;

/// A running deployment. What is left of it ends with the test.
pub struct Deployment {
    services: Vec<Service>,
    /// The nodes of NATS, in the order of their files.
    pub nodes: Vec<Node>,
    postgres: PrivatePostgres,
    postgres_is_stopped: bool,
    site: Site,
    settings: Vec<(String, String)>,
    home: TempDir,
}

/// One process of the product.
struct Service {
    plan: Plan,
    process: ManagedProcess,
}

/// How it is started, now and again.
#[derive(Clone)]
struct Plan {
    name: String,
    service: &'static str,
    arguments: &'static [&'static str],
    listen: u16,
    metrics: u16,
}

impl Plan {
    fn new(
        service: &'static str,
        number: usize,
        arguments: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let (listen, metrics) = (free_loopback_port()?, free_loopback_port()?);
        Ok(Self { name: format!("{service}-{number}"), service, arguments, listen, metrics })
    }

    /// What the compose file's health check asks.
    fn health(&self) -> String {
        if self.service == "api" {
            format!("http://127.0.0.1:{}/readyz", self.listen)
        } else {
            format!("http://127.0.0.1:{}/readyz", self.metrics)
        }
    }
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
            postgres_is_stopped: false,
            site,
            settings: settings.collect(),
            home,
        };
        for node in nodes {
            deployment.nodes.push(Node::start(deployment.home.path(), node)?);
        }
        deployment.wait_for_nodes().await?;
        deployment.migrate().await?;
        for number in 1..=APIS {
            deployment.start_service(Plan::new("api", number, &["api"])?).await?;
        }
        for number in 1..=WORKERS {
            let plan = Plan::new("booking", number, &["worker", "booking"])?;
            deployment.start_service(plan).await?;
        }
        for worker in ["audit", "eligibility"] {
            let arguments: &[&str] = match worker {
                "audit" => &["worker", "audit"],
                _ => &["worker", "eligibility"],
            };
            deployment.start_service(Plan::new(worker, 1, arguments)?).await?;
        }
        let can_sign_in = || async { Ok(deployment.admin().await.is_ok()) };
        wait_until("the administrator can sign in", can_sign_in).await?;
        Ok(deployment)
    }

    async fn wait_for_nodes(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            wait_until("the nodes have found each other", || node.is_healthy()).await?;
        }
        Ok(())
    }

    /// Roles, schema and streams.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let output = self.command("migrate", &["migrate", "--streams"])?.output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "migrate ended with {}: {complaint}", output.status);
        Ok(())
    }

    async fn start_service(&mut self, plan: Plan) -> anyhow::Result<()> {
        let mut command = self.command(plan.service, plan.arguments)?;
        let section = plan.service.to_uppercase();
        command.env(format!("MC_{section}__METRICS_LISTEN"), format!("127.0.0.1:{}", plan.metrics));
        if plan.service == "api" {
            command.env("MC_API__LISTEN", format!("127.0.0.1:{}", plan.listen));
        }
        let log = LogFile::open(&self.home.path().join("logs"), &plan.name)?;
        command.stdout(log.stdio()?).stderr(log.stdio()?).stdin(Stdio::null());
        let registry = Registry::of_home(self.home.path())?;
        let stop = StopPlan::terminate(Duration::from_secs(20));
        let process = ManagedProcess::spawn(&registry, &plan.name, command, stop)?;
        let (name, url) = (plan.name.clone(), plan.health());
        self.services.push(Service { plan, process });
        let is_well = || async {
            let probe = Command::new(program()).args(["probe", &url]).output().await?;
            Ok(probe.status.success())
        };
        let waited = wait_until("the service is well", is_well).await;
        waited.with_context(|| format!("{name}:\n{}", self.log(&name)))
    }

    /// Starts whatever doesn't run: nodes, PostgreSQL, services, in this order.
    pub async fn up(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.restart_if_ended()?;
        }
        self.wait_for_nodes().await?;
        if self.postgres_is_stopped {
            self.postgres.restart().await?;
            self.postgres_is_stopped = false;
        }
        let mut ended = Vec::new();
        for (index, service) in self.services.iter_mut().enumerate() {
            if service.process.try_wait()?.is_some() {
                ended.push(index);
            }
        }
        for index in ended.into_iter().rev() {
            let service = self.services.remove(index);
            self.start_service(service.plan).await?;
        }
        Ok(())
    }

    /// SIGTERM for every instance of a service, and a new start of each.
    pub async fn restart_services(&mut self, service: &str) -> anyhow::Result<()> {
        for found in self.services.iter_mut().filter(|found| found.plan.service == service) {
            let status = found.process.stop().await?;
            ensure!(status.success(), "{} ended with {status}", found.plan.name);
        }
        self.up().await
    }

    /// Starts instances until there are so many.
    pub async fn scale(&mut self, service: &str, count: usize) -> anyhow::Result<()> {
        for number in self.plans(service).count() + 1..=count {
            let one = self.plans(service).next().context("no instance of it runs")?.clone();
            self.start_service(Plan::new(one.service, number, one.arguments)?).await?;
        }
        Ok(())
    }

    /// Makes the secrets that are missing.
    pub async fn make_secrets(&self) -> anyhow::Result<()> {
        self.site.make_secrets(self.postgres.port()).await
    }

    /// Where the secrets are.
    pub fn secrets(&self) -> std::path::PathBuf {
        self.site.secrets()
    }

    /// Where PostgreSQL's superuser signs in.
    pub fn superuser_url(&self) -> String {
        self.postgres.owner_url("scheduling").expose_secret().to_owned()
    }

    /// kill -9 of a service's process, such as `booking-1`.
    pub async fn kill_service(&mut self, name: &str) -> anyhow::Result<()> {
        let service = self.services.iter_mut().find(|service| service.plan.name == name);
        service.with_context(|| format!("no {name} runs"))?.process.kill().await?;
        Ok(())
    }

    /// Stops PostgreSQL, until [`Deployment::up`].
    pub async fn stop_postgres(&mut self) -> anyhow::Result<()> {
        self.postgres_is_stopped = true;
        Ok(self.postgres.stop().await?)
    }

    /// The program with the settings of a service, for one command.
    pub fn command(&self, service: &str, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program());
        command.env_clear().envs(self.site.environment(service)?).args(arguments);
        command.envs(small_streams());
        command.envs(self.settings.iter().cloned()).current_dir(self.home.path());
        Ok(command)
    }

    /// An instance of api, counted from 0, as nobody in particular.
    pub fn api(&self, instance: usize) -> Api {
        Api::at(self.api_url(instance))
    }

    /// Where an instance of api is.
    pub fn api_url(&self, instance: usize) -> String {
        let mut apis: Vec<_> = self.plans("api").collect();
        apis.sort_by_key(|plan| &plan.name);
        format!("http://127.0.0.1:{}", apis[instance % apis.len()].listen)
    }

    fn plans<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Plan> {
        self.services.iter().map(|found| &found.plan).filter(move |plan| plan.service == service)
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
        for plan in self.plans(service) {
            let text = metrics(plan.metrics).await?;
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
        self.services.iter().map(|service| service.plan.name.as_str())
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
            ensure!(ended.is_none(), "{} ended with {ended:?}", service.plan.name);
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
