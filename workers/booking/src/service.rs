//! The worker as a process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, ConsumerSpec, Runner, RunnerError};
use contracts::BookingKind;
use domain::{SharedClock, SystemClock};
use resilience::RetryDelays;
use runtime::{Settings, Shutdown};
use store::SchemaMismatch;
use store::booking::{Pool, SchemaProblem};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bookkeeping::Bookkeeping;
use crate::letters::LettersLoop;
use crate::outbox::OutboxLoop;
use crate::rehearsal::RehearsalDesk;
use crate::{Handler, Precedence, Settler};

/// Takes every command, in the stream's order.
const MAIN_LANE: &str = "booking";

/// Takes withdrawals only, so that they overtake what they withdraw. The main lane sees them
/// too, in their turn, and finds them settled, or finds out that they can't be.
const EXPRESS_LANE: &str = "booking-withdraw";

/// Pauses between looks at a database that is away at start.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Runs the worker until the soft stop. Then what is in hand is finished, the rest goes back to
/// the stream, and what is committed is published.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let url = settings.database.require_booking_url()?;
    runtime::metrics::serve(settings.booking.metrics_listen, &shutdown).await?;
    let pool = Pool::connect(url, &settings.database)?;
    let bus = tokio::select! {
        bus = dependencies(&settings, &pool) => bus?,
        () = shutdown.soft_stopped() => return Ok(()),
    };

    let filled = Arc::new(Notify::new());
    let clock: SharedClock = Arc::new(SystemClock);
    let settler = Settler::new(pool.clone(), Arc::clone(&clock), Arc::clone(&filled));
    let rehearsals = RehearsalDesk::open(&bus, settler.clone()).await?;
    let letters = LettersLoop { bus: bus.clone(), pool: pool.clone(), clock: Arc::clone(&clock) };
    let lane = |durable, filter_subject, batches_at_once, precedence| {
        let spec = ConsumerSpec {
            durable,
            filter_subject,
            batch_size: settings.booking.batch_size,
            batches_at_once,
            ack_wait: Duration::from_millis(settings.nats.ack_wait_ms),
            buries: durable == MAIN_LANE,
        };
        let handler = Handler::new(settler.clone(), precedence);
        Runner::new(bus.clone(), spec, handler, Arc::clone(&clock))
    };
    let (first, second) = Precedence::pair();
    // One at a time here: the main lane waits for the end of it.
    let express = lane(EXPRESS_LANE, BookingKind::Withdraw.all_subjects(), 1, first);
    let at_once = settings.booking.batches_at_once;
    let main = lane(MAIN_LANE, "mc.cmd.booking.>".to_owned(), at_once, second);
    let finished = CancellationToken::new();
    let publishing = OutboxLoop {
        pool,
        publisher: bus.clone(),
        filled,
        idle: Duration::from_millis(settings.booking.outbox_idle_ms),
        finished: finished.clone(),
    };
    let bookkeeping = Bookkeeping {
        bus: bus.clone(),
        clock,
        consumer: MAIN_LANE,
        requeue: main.requeue(),
        suspects: HashSet::new(),
        settings,
    };
    shutdown.spawn("outbox", publishing.run());
    shutdown.spawn("bookkeeping", bookkeeping.run(shutdown.clone()));
    shutdown.spawn("rehearsals", rehearsals.run(shutdown.clone()));
    shutdown.spawn("dead letters", letters.run(shutdown.clone()));
    shutdown.spawn("lanes", run_lanes(express, main, finished, shutdown.clone()));
    runtime::metrics::say_ready();
    tracing::info!("the booking worker is ready");

    let ended = shutdown.wait().await;
    bus.flush().await;
    Ok(ended?)
}

/// Waits for the database and for NATS, and refuses those that it doesn't know.
async fn dependencies(settings: &Settings, pool: &Pool) -> anyhow::Result<Bus> {
    check_schema(pool).await?;
    let bus = Bus::connect(&settings.nats, "booking").await?;
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

/// Runs both lanes, the main one once every withdrawal that waited at the start is in hand.
async fn run_lanes(
    express: Runner<Handler>,
    main: Runner<Handler>,
    finished: CancellationToken,
    shutdown: Shutdown,
) -> Result<(), RunnerError> {
    let _finished = finished.drop_guard();
    let mut caught_up = express.caught_up();
    let main = async {
        let is_caught_up = tokio::select! {
            waited = caught_up.wait_for(|is_caught_up| *is_caught_up) => waited.is_ok(),
            () = shutdown.soft_stopped() => false,
        };
        if is_caught_up { Box::pin(main.run(shutdown.clone())).await } else { Ok(()) }
    };
    tokio::try_join!(express.run(shutdown.clone()), main)?;
    Ok(())
}
