//! The worker's side: a stream full of entries, and one worker that is let loose on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bus::AuditPublisher;
use contracts::AuditEntry;
use domain::PatientId;
use futures::future::try_join_all;
use runtime::Shutdown;
use testkit::any_entry;
use tokio::time::{Instant, interval};
use tokio_postgres::Client;

use crate::lab::{CpuMeter, Database, Lab, audit_worker};

/// Entries that are handed to the publisher at once; it takes twice as many.
const AT_ONCE: usize = 4_000;

/// How long a publish may take.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

/// How often the end of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long nothing may happen.
const STALL_BOUND: Duration = Duration::from_secs(30);

/// What one run has shown.
pub(super) struct Run {
    pub per_second: f64,
    /// The worker's processor time for one row.
    pub worker_cpu_us: f64,
}

/// Publishes entries, as api would, each about one patient.
pub(super) async fn fill_stream(lab: &Lab, total: u32) -> anyhow::Result<()> {
    // Boxed, because connecting and so many futures make a large one.
    let bus = Box::pin(lab.bus()).await?;
    let publisher = AuditPublisher::start(&bus, &Shutdown::new());
    let patients = &lab.clinic().patients;
    let entry = |index: usize| any_entry(&[PatientId::from(patients[index % patients.len()])]);
    let entries: Vec<AuditEntry> = (0..total as usize).map(entry).collect();
    for entries in entries.chunks(AT_ONCE) {
        let publish = |entry| publisher.publish(entry, None, PUBLISH_PATIENCE);
        Box::pin(try_join_all(entries.iter().map(publish))).await?;
    }
    Ok(())
}

/// Starts a worker, waits until it has sealed everything, and stops it.
pub(super) async fn seal_all(
    lab: &Lab,
    database: &Database,
    total: u32,
    sealed: &AtomicU64,
) -> anyhow::Result<Run> {
    let client = database.connect().await?;
    let worker = audit_worker(lab, database).await?;
    let cpu = CpuMeter::from_birth(worker.who());
    wait_for(&client, total, sealed).await.with_context(|| worker.log_tail())?;
    let worker_cpu_us = cpu.us_per(total.into())[0].1;
    worker.stop().await?;
    Ok(Run { per_second: per_second(&client, total).await?, worker_cpu_us })
}

async fn wait_for(client: &Client, total: u32, sealed: &AtomicU64) -> anyhow::Result<()> {
    let mut looks = interval(LOOK_EVERY);
    let mut last_change = Instant::now();
    loop {
        looks.tick().await;
        let sql = "SELECT coalesce(max(last_row), 0) FROM audit_seals";
        let found = client.query_one(sql, &[]).await?.get::<_, i64>(0).cast_unsigned();
        if found != sealed.swap(found, Ordering::Relaxed) {
            last_change = Instant::now();
        }
        if found >= total.into() {
            return Ok(());
        }
        if last_change.elapsed() > STALL_BOUND {
            bail!("the worker stands still at {found} of {total} rows");
        }
    }
}

/// Rows per second, by the time at which each seal was begun (`sealed_at`): those of all seals but
/// the last, by the time from the beginning of the first to the beginning of the last.
async fn per_second(client: &Client, total: u32) -> anyhow::Result<f64> {
    const SPEED: &str = "
        SELECT sum(last_row - first_row + 1)::float8,
            sum(last_row - first_row + 1) FILTER (WHERE sealed_at < last)::float8,
            extract(epoch FROM max(last) - min(sealed_at))::float8
        FROM audit_seals, (SELECT max(sealed_at) AS last FROM audit_seals) AS ends";
    let row = client.query_one(SPEED, &[]).await?;
    let [rows, counted, seconds]: [f64; 3] = [row.get(0), row.get(1), row.get(2)];
    let total = f64::from(total);
    ensure!((rows - total).abs() < 0.5, "{rows} rows are sealed instead of {total}");
    Ok(counted / seconds)
}
