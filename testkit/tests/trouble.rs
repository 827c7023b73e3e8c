//! Trouble in the middle of a replay, on real processes. Afterwards the ledger balances, no slot
//! is taken twice, and every accepted request has exactly one outcome.
//!
//! Each fault is repeated until it has hit something that was in flight, which shows as a
//! redelivery, an unknown outcome or a repeated transaction; a fault that never hits fails the
//! test, for it would have proven nothing.

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::{InventedDay, System};

const DAY: InventedDay = InventedDay { rows: 900, patients: 60, clinics: 2 };

/// Enough that something is in flight whenever a fault strikes.
const CONNECTIONS: u32 = 24;

/// The fault strikes whenever there are this many more visits, until it has hit.
const EVERY: i64 = 60;

/// The sum of a counter over its labels.
fn counter(metrics: &str, name: &str) -> u64 {
    let lines = metrics.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum::<f64>() as u64
}

/// Waits until there are `count` visits; false when the day ends before.
async fn reach(system: &System, count: i64) -> anyhow::Result<bool> {
    if count + EVERY > i64::from(DAY.rows) {
        return Ok(false);
    }
    let reached = || async { Ok(system.visits().await? >= count) };
    system.wait_until("the replay gets on", reached).await?;
    Ok(true)
}

/// What must hold after any trouble.
async fn check_books(system: &System, report: &Value) -> anyhow::Result<()> {
    // What was accepted from a client that then asked again may still be on its way.
    let at_rest = || async {
        let (ledger, _) = system.ledger().await?;
        Ok(ledger["in_flight"] == 0)
    };
    system.wait_until("nothing is in flight", at_rest).await?;
    let (ledger, code) = system.ledger().await?;
    ensure!(code == 0 && ledger["balanced"] == true, "the ledger doesn't balance: {ledger:#}");
    ensure!(ledger["dead"] == 0, "an outage made dead letters: {ledger:#}");

    let database = system.database().await?;
    let overlaps = "SELECT count(*) FROM appointments a JOIN appointments b
        ON a.practitioner_id = b.practitioner_id AND a.during && b.during AND a.id < b.id
        WHERE a.status = 'booked' AND b.status = 'booked'";
    let overlaps: i64 = database.query_one(overlaps, &[]).await?.get(0);
    ensure!(overlaps == 0, "{overlaps} slots are taken twice");

    // One visit per applied booking, one outcome per accepted request, and the client agrees.
    let count = |sql: &'static str| {
        let database = &database;
        async move { anyhow::Ok(database.query_one(sql, &[]).await?.get::<_, i64>(0)) }
    };
    let visits = count("SELECT count(*) FROM appointments").await?;
    let applied = "SELECT count(*) FROM requests WHERE kind = 'book'
        AND outcome = 'applied'";
    let applied = count(applied).await?;
    ensure!(visits == applied, "{visits} visits for {applied} applied bookings");
    let booked = report["rows"]["booked"].as_i64().context("the report counts bookings")?;
    ensure!(visits == booked, "{visits} visits, and the client knows of {booked}");
    let settled = count("SELECT count(*) FROM requests").await?;
    let accepted = ledger["requests"].as_i64().context("the ledger counts requests")?;
    ensure!(settled == accepted, "{settled} outcomes for {accepted} accepted requests");
    Ok(())
}

async fn start() -> anyhow::Result<System> {
    let system = System::start().await?;
    system.prepare_replay(DAY).await?;
    Ok(system)
}

/// The books are kept all the time, and everything that is proven goes at once.
const EAGER: [(&str, &str); 4] = [
    ("MC_BOOKING__LEDGER_PERIOD_MS", "50"),
    ("MC_BOOKING__REQUEUE_AFTER_MS", "1000"),
    ("MC_BOOKING__CHECKPOINT_MESSAGES", "20"),
    ("MC_BOOKING__PURGE_MARGIN_MESSAGES", "0"),
];

#[tokio::test]
async fn an_undisturbed_day_balances() -> anyhow::Result<()> {
    let system = start().await?;
    let report = system.start_replay(CONNECTIONS)?.report().await?;
    check_books(&system, &report).await?;
    // Without contention for slots, the faults below would prove little.
    ensure!(report["conflicts"]["slot_taken"].as_u64() > Some(0), "{report:#}");
    Ok(())
}

/// Kills the worker while it has messages in hand and can't have committed them: its transaction
/// waits for a table that is locked. What it acknowledged too early is lost for good.
async fn kill_worker_before_it_commits(system: &mut System) -> anyhow::Result<()> {
    let (mut locker, observer) = (system.database().await?, system.database().await?);
    let lock = locker.transaction().await?;
    lock.batch_execute("LOCK TABLE appointments IN SHARE MODE").await?;
    let waiting = "SELECT count(*) FROM pg_locks
        WHERE relation = 'appointments'::regclass AND NOT granted";
    let waits = || async { Ok(observer.query_one(waiting, &[]).await?.get::<_, i64>(0) > 0) };
    system.wait_until("the worker waits for the table", waits).await?;
    system.kill_worker().await?;
    lock.rollback().await?;
    system.start_worker().await
}

#[tokio::test]
async fn the_worker_is_killed() -> anyhow::Result<()> {
    let mut system = start().await?;
    let replay = system.start_replay(CONNECTIONS)?;
    for strike in 1..=3 {
        ensure!(reach(&system, strike * EVERY).await?, "the day was too short");
        kill_worker_before_it_commits(&mut system).await?;
        // Redeliveries come once `ack_wait` is over.
        let redelivered = || async {
            let metrics = system.worker_metrics().await?;
            Ok(counter(&metrics, "mediconnect_redeliveries_total") > 0)
        };
        system.wait_until("what was in hand comes again", redelivered).await?;
    }
    let report = replay.report().await?;
    check_books(&system, &report).await
}

#[tokio::test]
async fn api_is_killed() -> anyhow::Result<()> {
    let mut system = start().await?;
    let replay = system.start_replay(CONNECTIONS)?;
    for strike in 1..=3 {
        ensure!(reach(&system, strike * EVERY).await?, "the day was too short");
        system.kill_api().await?;
        system.start_api().await?;
    }
    let report = replay.report().await?;
    let unknown = report["encounters"]["unknown_outcomes"].as_u64();
    ensure!(unknown > Some(0), "no kill hit a request in flight: {report:#}");
    check_books(&system, &report).await
}

#[tokio::test]
async fn nats_server_is_killed() -> anyhow::Result<()> {
    let mut system = start().await?;
    let replay = system.start_replay(CONNECTIONS)?;
    for strike in 1..=3 {
        ensure!(reach(&system, strike * EVERY).await?, "the day was too short");
        system.nats.kill().await?;
        system.nats.restart().await?;
    }
    let report = replay.report().await?;
    let unknown =
        counter(&system.api_metrics().await?, "mediconnect_publish_unknown_outcomes_total");
    let redelivered = counter(&system.worker_metrics().await?, "mediconnect_redeliveries_total");
    ensure!(unknown + redelivered > 0, "no kill hit a message in flight: {report:#}");
    check_books(&system, &report).await
}

#[tokio::test]
async fn the_workers_database_connections_are_terminated() -> anyhow::Result<()> {
    let system = start().await?;
    let (replay, mut next, mut hits) = (system.start_replay(CONNECTIONS)?, 0, 0);
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE usename = 'mediconnect_booking' AND datname = current_database()
        AND state <> 'idle'";
    while hits == 0 {
        next = system.visits().await?.max(next) + EVERY / 4;
        ensure!(reach(&system, next).await?, "no transaction was ever hit");
        let database = system.database().await?;
        let struck =
            || async { Ok(database.query_one(terminate, &[]).await?.get::<_, i64>(0) > 0) };
        system.wait_until("a transaction runs", struck).await?;
        hits = counter(&system.worker_metrics().await?, "mediconnect_outage_holds_total");
    }
    let report = replay.report().await?;
    check_books(&system, &report).await
}

#[tokio::test]
async fn the_worker_is_killed_while_it_purges_what_it_has_proven() -> anyhow::Result<()> {
    let mut system = System::start_with(&EAGER).await?;
    system.prepare_replay(DAY).await?;
    let replay = system.start_replay(CONNECTIONS)?;
    for strike in 1..=4 {
        ensure!(reach(&system, strike * EVERY).await?, "the day was too short");
        kill_worker_before_it_commits(&mut system).await?;
    }
    let report = replay.report().await?;
    check_books(&system, &report).await?;
    let (ledger, _) = system.ledger().await?;
    ensure!(ledger["purged"].as_u64() >= Some(100), "hardly anything was purged: {ledger:#}");
    Ok(())
}
