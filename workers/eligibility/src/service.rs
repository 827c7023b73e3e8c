//! The worker as a process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, FactFollower};
use contracts::EventKind;
use domain::{SharedClock, SystemClock};
use resilience::RetryDelays;
use runtime::{Settings, Shutdown};
use store::SchemaMismatch;
use store::booking::{Pool, SchemaProblem};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::breakers::Breakers;
use crate::insurer::Insurer;
use crate::intake::Intake;
use crate::payer_loop::Desk;
use crate::payers::Payers;

/// The worker's name, and that of its consumer.
const WORKER: &str = "eligibility";

/// Pauses between looks at a database that is away at start.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Runs the worker until the soft stop. Then calls under way are dropped, and their checks given
/// back.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    // What can be wrong with the settings is found before anything is connected.
    let insurer = Insurer::new(&settings.eligibility)?;
    let database = &settings.database;
    let url = database.require_eligibility_url()?;
    let connections = database.eligibility_connections;
    let pool = Pool::connect_as("mediconnect-eligibility", connections, url, database)?;
    runtime::metrics::serve(settings.eligibility.metrics_listen, &shutdown).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let instance = &settings.telemetry.instance_id;
    let breakers = Breakers::new(&settings.eligibility, instance, Arc::clone(&clock));
    let breakers = Arc::new(breakers.context("eligibility.breaker_*")?);
    let bus = tokio::select! {
        bus = dependencies(&settings, &pool) => bus?,
        () = shutdown.soft_stopped() => return Ok(()),
    };

    tokio::select! {
        () = breakers.learn(&bus) => {}
        () = shutdown.soft_stopped() => return Ok(()),
    }

    let opened = Arc::new(Notify::new());
    let following = FactFollower {
        bus: bus.clone(),
        worker: WORKER,
        kinds: &[EventKind::AppointmentBooked],
        ack_wait: Duration::from_millis(settings.nats.ack_wait_ms),
        handler: Intake {
            pool: pool.clone(),
            clock: Arc::clone(&clock),
            opened: Arc::clone(&opened),
        },
        clock: Arc::clone(&clock),
    };
    let settings = settings.eligibility;
    let desk = Arc::new(Desk { pool, insurer, settings, clock, owner: Uuid::new_v4() });
    let payers = Payers { desk, breakers: Arc::clone(&breakers), opened };
    shutdown.spawn_in_background("breaker controls", Arc::clone(&breakers).watch(bus.clone()));
    shutdown.spawn("breaker states", breakers.report(bus.clone(), shutdown.clone()));
    shutdown.spawn("booked visits", following.run(shutdown.clone()));
    shutdown.spawn("payers", payers.run(shutdown.clone()));
    runtime::metrics::say_ready();
    tracing::info!("the eligibility worker is ready");

    let ended = shutdown.wait().await;
    bus.flush().await;
    Ok(ended?)
}

/// Waits for the database and for NATS, and refuses those that it doesn't know.
async fn dependencies(settings: &Settings, pool: &Pool) -> anyhow::Result<Bus> {
    check_schema(pool).await?;
    let bus = Bus::connect(&settings.nats, WORKER).await?;
    bus.ensure_topology().await.context("preparing the streams")?;
    Ok(bus)
}

async fn check_schema(pool: &Pool) -> Result<(), SchemaMismatch> {
    let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
    let mut is_waiting = false;
    loop {
        match pool.check_schema().await {
            Ok(()) => return Ok(()),
            Err(SchemaProblem::Mismatch(mismatch)) => return Err(mismatch),
            Err(SchemaProblem::Unreachable(failure)) if !is_waiting => {
                is_waiting = true;
                tracing::warn!(%failure, "waiting for the database");
            }
            Err(SchemaProblem::Unreachable(_)) => {}
        }
        tokio::time::sleep(pauses.next_delay()).await;
    }
}
