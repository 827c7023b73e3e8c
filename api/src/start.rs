//! From settings to a listening API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bus::{AuditPublisher, Bus, Publisher, Replies};
use contracts::audit::AuditWord;
use domain::{SharedClock, SystemClock};
use jiff::SignedDuration;
use runtime::{Settings, Shutdown, metrics};
use store::StoreError;
use store::identity::Accounts;
use store::reading::Reader;

use crate::app::{App, Parts};
use crate::audit::{Auditor, Withheld, record_withheld};
use crate::auth::{Authenticator, Keys, Passwords, Revocations, Tokens};
use crate::client_address::AddressRules;
use crate::first_administrator::FirstLogin;
use crate::identify::Doorkeeper;
use crate::rate_limit::RateLimits;
use crate::{door, openapi, server};

/// Pause before the database is asked for its schema again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A listening API. It stops with its shutdown.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where its metrics are.
    pub metrics_addr: SocketAddr,
}

/// Runs the API until `shutdown`.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let Started { addr, metrics_addr } = start(settings, &shutdown).await?;
    tracing::info!(%addr, %metrics_addr, "the API listens");
    Ok(shutdown.wait().await?)
}

/// Starts the API and returns once it listens. NATS has to be there; PostgreSQL may come later,
/// but not with a schema that this version doesn't know.
pub async fn start(settings: Settings, shutdown: &Shutdown) -> anyhow::Result<Started> {
    start_at(settings, shutdown, Arc::new(SystemClock)).await
}

/// As [`start`], with a clock of one's own.
pub async fn start_at(
    settings: Settings,
    shutdown: &Shutdown,
    clock: SharedClock,
) -> anyhow::Result<Started> {
    let app = assemble(&settings, shutdown, clock).await?;
    if let Some((email, password)) = settings.admin.credentials() {
        let login = FirstLogin::new(email, password)?;
        let (accounts, clock) = (app.accounts.clone(), app.clock.clone());
        let creation = login.create_eventually(accounts, clock, shutdown.clone());
        shutdown.spawn("first administrator", creation);
    }
    check_schema(&app, shutdown).await?;
    let limits = Arc::clone(&app.doorkeeper);
    let sweeping = shutdown.clone();
    shutdown.spawn("rate limits", async move { limits.limits.sweep(&sweeping).await });
    shutdown.spawn("refusals that are counted", record_withheld(app.clone(), shutdown.clone()));
    let metrics_addr = metrics::serve(settings.api.metrics_listen, shutdown).await?;
    let addr = server::serve(door::router(app), &settings.api, shutdown).await?;
    Ok(Started { addr, metrics_addr })
}

async fn assemble(
    settings: &Settings,
    shutdown: &Shutdown,
    clock: SharedClock,
) -> anyhow::Result<App> {
    // What can be wrong with the settings is found before anything is connected.
    let api = &settings.api;
    let keys = Keys::load(api.require_keys_dir()?)?;
    let database = &settings.database;
    let accounts = Accounts::connect(database.require_accounts_url()?, database)?;
    let reader = Reader::connect(database.require_api_url()?, database)?;

    let bus = Bus::connect(&settings.nats, "mediconnect-api").await?;
    bus.ensure_topology().await?;
    let token_lifetime = SignedDuration::from_secs(api.access_token_s.into());
    let tokens = Tokens::new(keys, &api.issuer, &api.audience, token_lifetime);
    let revocations = Revocations::start(&bus, clock.clone(), token_lifetime, shutdown);
    let doorkeeper = Doorkeeper {
        authenticator: Authenticator::new(tokens, revocations, clock.clone()),
        limits: RateLimits::new(api),
        addresses: AddressRules::new(api),
    };
    let publish_deadline = Duration::from_millis(settings.nats.publish_deadline_ms);
    let auditor = Auditor {
        publisher: AuditPublisher::start(&bus, shutdown),
        patience: publish_deadline,
        clock: clock.clone(),
        source: AuditWord::of(&format!("api/{}", settings.telemetry.instance_id)),
        withheld: Withheld::default(),
    };
    let openapi = openapi::describe().to_json().context("the API's description")?;
    Ok(App::new(Parts {
        settings: api.clone(),
        standard_horizon_days: settings.scheduling.standard_horizon_days,
        publish_deadline,
        clock,
        accounts,
        reader,
        doorkeeper: Arc::new(doorkeeper),
        passwords: Passwords::new(api.argon2_parallel.get() as usize, api.argon2_queue as usize),
        auditor,
        publisher: Publisher::start(&bus, shutdown),
        replies: Replies::start(&bus, shutdown).await?,
        bus,
        openapi: openapi.into(),
        shutdown: shutdown.clone(),
    }))
}

/// Refuses to start on an unknown schema. While the database is away, the check goes on in the
/// background, and stops the service if it fails.
async fn check_schema(app: &App, shutdown: &Shutdown) -> anyhow::Result<()> {
    match app.reader.check().await {
        Err(error) if error.is_outage() => {
            tracing::warn!(%error, "starting without the database");
            let (reader, stopping) = (app.reader.clone(), shutdown.clone());
            shutdown.spawn("schema check", check_schema_eventually(reader, stopping));
            Ok(())
        }
        checked => Ok(checked?),
    }
}

async fn check_schema_eventually(reader: Reader, shutdown: Shutdown) -> Result<(), StoreError> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => {}
            () = shutdown.soft_stopped() => return Ok(()),
        }
        match reader.check().await {
            Err(error) if error.is_outage() => {}
            checked => return checked,
        }
    }
}
