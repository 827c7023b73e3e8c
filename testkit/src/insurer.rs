//! The insurer simulator as a process of a test's own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use ::insurer::{AllCalls, Knobs, PayerCalls};
use anyhow::{Context, ensure};
use contracts::insurer::{ELIGIBILITY_PATH, EligibilityQuestion};
use domain::PayerId;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use servers::{LogFile, ManagedProcess, Registry, StopPlan};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::system::program;

/// A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the process says on standard output before its address.
const ANNOUNCEMENT: &str = "the insurer listens on http://";

/// A running simulator, which ends with the test.
pub struct Insurer {
    process: Option<ManagedProcess>,
    address: SocketAddr,
    seed: u64,
    http: Client,
    home: TempDir,
}

impl Insurer {
    /// Starts one with seed 1, on a port of its own.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with_seed(1).await
    }

    /// Starts one on a port of its own.
    pub async fn start_with_seed(seed: u64) -> anyhow::Result<Self> {
        runtime::telemetry::install_crypto();
        let home = TempDir::with_prefix("mediconnect-insurer-")?;
        let http = Client::builder().redirect(Policy::none()).timeout(PATIENCE).build()?;
        let address = ([127, 0, 0, 1], 0).into();
        let mut insurer = Self { process: None, address, seed, http, home };
        insurer.launch().await?;
        Ok(insurer)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks as a worker would, but with all patience. Redirects are not followed.
    pub async fn ask(&self, question: &EligibilityQuestion) -> anyhow::Result<Response> {
        Ok(self.request(Method::POST, ELIGIBILITY_PATH).json(question).send().await?)
    }

    /// Sets the knobs of all payers that have none of their own.
    pub async fn set(&self, knobs: &Knobs) -> anyhow::Result<()> {
        let request = self.request(Method::PUT, "/admin/knobs").json(knobs);
        expect_success(request).await.map(drop)
    }

    /// Sets one payer's own knobs.
    pub async fn set_for(&self, payer: &PayerId, knobs: &Knobs) -> anyhow::Result<()> {
        let path = format!("/admin/payers/{payer}/knobs");
        expect_success(self.request(Method::PUT, &path).json(knobs)).await.map(drop)
    }

    /// Every payer's knobs to their defaults: it answers at once, and honestly.
    pub async fn reset(&self) -> anyhow::Result<()> {
        expect_success(self.request(Method::DELETE, "/admin/knobs")).await.map(drop)
    }

    /// The counts of all payers.
    pub async fn calls(&self) -> anyhow::Result<AllCalls> {
        let response = expect_success(self.request(Method::GET, "/admin/calls")).await?;
        Ok(response.json().await?)
    }

    /// One payer's counts, by member, and when its calls arrived.
    pub async fn calls_of(&self, payer: &PayerId) -> anyhow::Result<PayerCalls> {
        let path = format!("/admin/payers/{payer}/calls");
        Ok(expect_success(self.request(Method::GET, &path)).await?.json().await?)
    }

    /// Forgets all counts.
    pub async fn forget_calls(&self) -> anyhow::Result<()> {
        expect_success(self.request(Method::DELETE, "/admin/calls")).await.map(drop)
    }

    /// Looks at a payer's counts until they are as they should be.
    pub async fn wait_for(
        &self,
        payer: &PayerId,
        what: &str,
        holds: impl Fn(&PayerCalls) -> bool,
    ) -> anyhow::Result<PayerCalls> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let calls = self.calls_of(payer).await?;
            if holds(&calls) {
                return Ok(calls);
            }
            let totals = calls.totals;
            ensure!(Instant::now() < give_up, "waited in vain until {what}: {totals:?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// SIGTERM, and the end of it. Connections are refused until it is started again.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.take().context("no insurer runs")?.stop().await?;
        ensure!(status.success(), "the insurer ended with {status}:\n{}", self.log());
        Ok(())
    }

    /// kill -9.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("no insurer runs")?.kill().await?;
        Ok(())
    }

    /// Starts it again on the same port: the same answers, default knobs, no counts.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.process.is_none(), "the insurer still runs");
        self.launch().await
    }

    /// What it has logged and said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("logs/insurer.log")).unwrap_or_default()
    }

    async fn launch(&mut self) -> anyhow::Result<()> {
        let starts = self.log().matches(ANNOUNCEMENT).count();
        let log = LogFile::open(&self.home.path().join("logs"), "insurer")?;
        let mut command = Command::new(program());
        command.env_clear().current_dir(self.home.path()).arg("insurer");
        command.args(["--listen", &self.address.to_string(), "--seed", &self.seed.to_string()]);
        command.stdout(log.stdio()?).stderr(log.stdio()?).stdin(Stdio::null());
        let registry = Registry::of_home(self.home.path())?;
        let plan = StopPlan::terminate(Duration::from_secs(20));
        let mut process = ManagedProcess::spawn(&registry, "insurer", command, plan)?;
        let give_up = Instant::now() + PATIENCE;
        loop {
            let announced = self.announcements();
            if let Some(address) = announced.get(starts) {
                self.address = *address;
                break;
            }
            let ended = process.try_wait()?;
            ensure!(ended.is_none(), "the insurer ended by itself:\n{}", self.log());
            ensure!(Instant::now() < give_up, "the insurer doesn't say where it listens");
            sleep(LOOK_EVERY).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Where it listened each time it was started. A line counts once it is complete.
    fn announcements(&self) -> Vec<SocketAddr> {
        let log = self.log();
        let whole = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        whole.filter_map(|line| line.strip_prefix(ANNOUNCEMENT)?.parse().ok()).collect()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url()))
    }
}

async fn expect_success(request: RequestBuilder) -> anyhow::Result<Response> {
    let response = request.send().await?;
    let status = response.status();
    if !status.is_success() {
        anyhow::bail!("the insurer answered {status}: {}", response.text().await?);
    }
    Ok(response)
}
