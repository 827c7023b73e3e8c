//! From nothing to ready, step by step.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ::api::first_administrator::FirstLogin;
use anyhow::{Context, bail};
use reqwest::StatusCode;
use runtime::Settings;
use runtime::settings::NatsSettings;
use secrecy::SecretString;
use servers::{PrivateNats, PrivatePostgres};
use store::identity::FirstAdministrator;
use store::{ServiceRole, with_login};
use tokio::time::interval;

use super::backing::{self, Backing};
use super::clinic;
use super::home::Home;
use super::limits::Limits;
use super::ports::Addresses;
use super::screen::Screen;
use super::secrets::Secrets;
use super::services::{Service, ServicePlan};
use crate::admin;
use crate::exit::UsageError;
use crate::local::{ServerJson, UpJson};
use crate::settings;

/// How long a service may take to become ready.
const READY_BOUND: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// A worker has no door but its metrics, which are there before it is. These have a value once it
/// has looked into its outbox, or for checks that are due, or has found the end of the audit log,
/// with database and NATS at hand.
const BOOKING_AT_WORK: &str = "\nmediconnect_outbox_pending_rows ";
const ELIGIBILITY_AT_WORK: &str = "\nmediconnect_eligibility_checks_open{";
const AUDIT_AT_WORK: &str = "\nmediconnect_audit_seal_number ";
/// How long one answer may take.
const ANSWER_BOUND: Duration = Duration::from_secs(2);

/// What the caller asked for.
#[derive(Debug)]
pub struct Wishes {
    pub settings: Settings,
    /// The settings file, as an absolute path: services read it too.
    pub config: Option<PathBuf>,
    pub uses_existing_nats: bool,
    port: Option<u16>,
}

/// Everything runs.
pub struct Started {
    pub up_json: UpJson,
    pub processes: Processes,
    /// How operators' commands reach the servers.
    pub ops_url: SecretString,
    pub auditor_url: SecretString,
    pub nats: NatsSettings,
    /// To be shown: it was just generated and has never been used.
    pub new_administrator: Option<(String, SecretString)>,
    /// How strict the API is here.
    pub limits: Limits,
    /// There was an administrator before, and nobody here has said or kept who.
    pub has_unknown_administrator: bool,
}

/// What runs.
pub struct Processes {
    pub api: Service,
    pub booking: Service,
    pub audit: Service,
    pub eligibility: Service,
    /// The simulator; absent when insurers are somewhere else.
    pub insurer: Option<Service>,
    pub nats: Option<PrivateNats>,
    pub postgres: Option<PrivatePostgres>,
}

impl Wishes {
    /// Takes the settings as they were loaded.
    pub fn new(
        settings: Settings,
        config: Option<&Path>,
        port: Option<u16>,
    ) -> anyhow::Result<Self> {
        let config = config.map(Path::canonicalize).transpose()?;
        // The default is a URL as well: it only counts when somebody gave it.
        let uses_existing_nats = settings.nats.url != NatsSettings::default().url
            || settings::is_given(&["NATS_URL", "MC_NATS__URL"]);
        Ok(Self { settings, config, uses_existing_nats, port })
    }

    /// Whether insurers are simulated: nobody has said where they are, and no database of somebody
    /// else's may hold real patients.
    pub fn wants_insurer_simulator(&self) -> bool {
        let Settings { eligibility, database, .. } = &self.settings;
        let is_told = eligibility.insurer_url.is_some() || !eligibility.payer_urls.is_empty();
        !is_told && database.url.is_none()
    }

    /// Whether one of the servers isn't private.
    pub fn uses_existing_servers(&self) -> bool {
        self.uses_existing_nats || self.settings.database.url.is_some()
    }
}

/// Starts everything. Dropping this future ends what was started so far.
pub async fn start(wishes: &Wishes, home: &Home, screen: &Screen) -> anyhow::Result<Started> {
    let began = Instant::now();
    let secrets = Secrets::load(home, &wishes.settings.admin)?;
    let administrator = &secrets.administrator;
    let administrator = FirstLogin::new(&administrator.email, &administrator.password)
        .map_err(|error| UsageError(error.to_string()))?;
    let addresses = Addresses::choose(&wishes.settings, wishes.port)?;
    let backing = backing::start(wishes, home, &secrets, screen).await?;
    migrate(&backing, &secrets, screen).await?;
    secrets.administrator.keep(home)?;
    let first = create_administrator(wishes, &backing, &secrets, &administrator).await?;
    let has_unknown_administrator =
        first == FirstAdministrator::AlreadyThere && secrets.administrator.is_new;
    if has_unknown_administrator {
        home.forget_administrator()?;
    }
    let services = start_services(wishes, home, &backing, &secrets, &addresses, screen).await?;
    let url = format!("http://{}", addresses.api);
    clinic::ensure(&url, &secrets.administrator, home, wishes, screen).await?;
    if addresses.api_moved {
        let wish = wishes.settings.api.listen;
        screen.say(&format!("  {wish} is taken; the API listens on {} instead", addresses.api));
    }

    let url = |role| with_login(&backing.owner_url, role, secrets.password_of(role));
    let (ops_url, auditor_url) = (url(ServiceRole::Ops)?, url(ServiceRole::Auditor)?);
    let is_new = first == FirstAdministrator::Created && secrets.administrator.is_generated;
    let new_administrator =
        is_new.then_some((secrets.administrator.email, secrets.administrator.password));
    let up_json = up_json(&addresses, &backing, &services, began.elapsed());
    let Backing { nats, nats_server, postgres, .. } = backing;
    let Services { api, booking, audit, eligibility, insurer } = services;
    let processes =
        Processes { api, booking, audit, eligibility, insurer, nats: nats_server, postgres };
    Ok(Started {
        up_json,
        processes,
        ops_url,
        auditor_url,
        nats,
        new_administrator,
        limits: Limits::of(&wishes.settings.api),
        has_unknown_administrator,
    })
}

async fn migrate(backing: &Backing, secrets: &Secrets, screen: &Screen) -> anyhow::Result<()> {
    let step = screen.begin("schema");
    let report = store::migrate(&backing.owner_url, &secrets.logins).await;
    let report = report.with_context(|| match backing.postgres {
        Some(_) => "preparing the private database",
        None => {
            "the database at DATABASE_URL can't be used; correct or unset it (a private server \
             is started then)"
        }
    })?;
    let version = report.to_version;
    step.end(&match report.applied.len() {
        0 => format!("version {version}"),
        applied => format!("version {version}, {applied} migrations applied"),
    });
    Ok(())
}

async fn create_administrator(
    wishes: &Wishes,
    backing: &Backing,
    secrets: &Secrets,
    administrator: &FirstLogin,
) -> anyhow::Result<FirstAdministrator> {
    let role = ServiceRole::Accounts;
    let url = with_login(&backing.owner_url, role, secrets.password_of(role))?;
    admin::create_first(&url, &wishes.settings.database, administrator)
        .await
        .context("creating the first administrator")
}

/// The services of one run.
struct Services {
    api: Service,
    booking: Service,
    audit: Service,
    eligibility: Service,
    insurer: Option<Service>,
}

/// All at the same time; each says what is missing when it doesn't become ready.
async fn start_services(
    wishes: &Wishes,
    home: &Home,
    backing: &Backing,
    secrets: &Secrets,
    addresses: &Addresses,
    screen: &Screen,
) -> anyhow::Result<Services> {
    let api = ServicePlan::api(wishes, home, backing, secrets, addresses)?;
    let booking = ServicePlan::booking(wishes, home, backing, secrets, addresses)?;
    let audit = ServicePlan::audit(wishes, home, backing, secrets, addresses)?;
    let eligibility = ServicePlan::eligibility(wishes, home, backing, secrets, addresses)?;
    let api_probe = Probe { url: format!("http://{}/readyz", addresses.api), text: "" };
    let worker = |metrics, text| Probe { url: format!("http://{metrics}/metrics"), text };
    let booking_probe = worker(addresses.booking_metrics, BOOKING_AT_WORK);
    let audit_probe = worker(addresses.audit_metrics, AUDIT_AT_WORK);
    let eligibility_probe = worker(addresses.eligibility_metrics, ELIGIBILITY_AT_WORK);
    let insurer = async {
        if !wishes.wants_insurer_simulator() {
            return Ok(None);
        }
        let plan = ServicePlan::insurer(wishes, home, backing, addresses);
        let probe = Probe { url: format!("http://{}/healthz", addresses.insurer), text: "" };
        start_service(plan, probe, screen).await.map(Some)
    };
    let (api, booking, audit, eligibility, insurer) = tokio::try_join!(
        start_service(api, api_probe, screen),
        start_service(booking, booking_probe, screen),
        start_service(audit, audit_probe, screen),
        start_service(eligibility, eligibility_probe, screen),
        insurer,
    )?;
    Ok(Services { api, booking, audit, eligibility, insurer })
}

/// What tells that a service is ready: this text in a good answer at this URL.
struct Probe {
    url: String,
    text: &'static str,
}

async fn start_service(
    plan: ServicePlan,
    probe: Probe,
    screen: &Screen,
) -> anyhow::Result<Service> {
    let mut service = plan.start()?;
    let step = screen.begin(service.name());
    wait_until_ready(&mut service, &probe).await?;
    step.end(&format!("process {}", service.pid()));
    Ok(service)
}

async fn wait_until_ready(service: &mut Service, probe: &Probe) -> anyhow::Result<()> {
    // A proxy has no business between two processes of one machine.
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_BOUND).build()?;
    let give_up = tokio::time::Instant::now() + READY_BOUND;
    let mut asks = interval(ASK_EVERY);
    let mut last_answer = "it doesn't listen".to_owned();
    loop {
        tokio::select! {
            status = service.wait() => {
                let status = status?;
                bail!("{} ended with {status}; {}", service.name(), service.log_tail());
            }
            _ = asks.tick() => {}
        }
        if let Ok(answer) = client.get(&probe.url).send().await {
            let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
            if status == StatusCode::OK && text.contains(probe.text) {
                return Ok(());
            }
            // A page of metrics explains nothing.
            last_answer = match probe.text {
                "" => format!("{status}: {text}"),
                _ => "it is not connected yet".to_owned(),
            };
        }
        if tokio::time::Instant::now() > give_up {
            let (name, tail) = (service.name(), service.log_tail());
            let bound = READY_BOUND.as_secs();
            bail!("{name} was not ready within {bound} s: {last_answer}; {tail}");
        }
    }
}

fn up_json(
    addresses: &Addresses,
    backing: &Backing,
    services: &Services,
    took: Duration,
) -> UpJson {
    let url = format!("http://{}", addresses.api);
    UpJson {
        pid: std::process::id(),
        docs_url: format!("{url}/docs"),
        url,
        api_metrics_url: format!("http://{}/metrics", addresses.api_metrics),
        booking_metrics_url: format!("http://{}/metrics", addresses.booking_metrics),
        audit_metrics_url: format!("http://{}/metrics", addresses.audit_metrics),
        eligibility_metrics_url: format!("http://{}/metrics", addresses.eligibility_metrics),
        insurer_url: services.insurer.is_some().then(|| format!("http://{}", addresses.insurer)),
        postgres: backing.postgres.as_ref().map(|server| ServerJson { port: server.port() }),
        nats: backing.nats_server.as_ref().map(|server| ServerJson { port: server.port() }),
        ready_s: took.as_secs_f64(),
    }
}
