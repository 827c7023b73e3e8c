//! The worker's side: a stream full of bookings, and one worker that is let loose on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bus::{OutgoingCommand, Publisher};
use futures::future::try_join_all;
use runtime::Shutdown;
use tokio::time::{Instant, interval};
use tokio_postgres::Client;

use super::check_rows;
use crate::lab::{Booking, CpuMeter, Database, Lab, Table, booking_worker, count};

/// Commands that are handed to the publisher at once; it takes twice as many.
const AT_ONCE: usize = 4_000;

/// How long a publish may take.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

/// How often the rows are counted.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long nothing may happen.
const STALL_BOUND: Duration = Duration::from_secs(30);

/// What one run has shown.
pub(super) struct Run {
    pub per_second: f64,
    /// The worker's processor time for one booking.
    pub worker_cpu_us: f64,
}

/// Publishes the clinic's bookings, as api would.
pub(super) async fn fill_stream(lab: &Lab, total: u32) -> anyhow::Result<()> {
    // Boxed, because connecting and so many futures make a large one.
    let bus = Box::pin(lab.bus()).await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    for bookings in lab.clinic().bookings[..total as usize].chunks(AT_ONCE) {
        let publish = |booking: &Booking| {
            let (command, metadata) = (booking.command.clone(), booking.metadata.clone());
            publisher.publish(OutgoingCommand { command, metadata }, PUBLISH_PATIENCE)
        };
        Box::pin(try_join_all(bookings.iter().map(publish))).await?;
    }
    Ok(())
}

/// Starts a worker, waits until it has settled everything and published what follows, and stops
/// it.
pub(super) async fn settle_all(
    lab: &Lab,
    database: &Database,
    total: u32,
    settled: &AtomicU64,
) -> anyhow::Result<Run> {
    let client = database.connect().await?;
    let worker = booking_worker(lab, database).await?;
    let cpu = CpuMeter::from_birth(worker.who());
    wait_for(&client, total, settled).await.with_context(|| worker.log_tail())?;
    let worker_cpu_us = cpu.us_per(total.into())[0].1;
    worker.stop().await?;
    check_rows(database, total, 0).await?;
    Ok(Run { per_second: per_second(&client).await?, worker_cpu_us })
}

async fn wait_for(client: &Client, total: u32, settled: &AtomicU64) -> anyhow::Result<()> {
    let mut looks = interval(LOOK_EVERY);
    let mut last_change = Instant::now();
    loop {
        looks.tick().await;
        let found = count(client, Table::Requests).await?;
        if found != settled.swap(found, Ordering::Relaxed) {
            last_change = Instant::now();
        }
        if found >= total.into() && count(client, Table::Outbox).await? == 0 {
            return Ok(());
        }
        if last_change.elapsed() > STALL_BOUND {
            let in_outbox = count(client, Table::Outbox).await?;
            bail!("the worker stands still at {found} of {total}, {in_outbox} in its outbox");
        }
    }
}

/// Bookings per second, by the time at which each batch began (`settled_at`): those of all batches
/// but the last, by the time from the beginning of the first to the beginning of the last.
async fn per_second(client: &Client) -> anyhow::Result<f64> {
    const SPEED: &str = "
        SELECT count(*) FILTER (WHERE outcome = 'applied')::float8,
            count(*)::float8,
            count(*) FILTER (WHERE settled_at < last)::float8,
            extract(epoch FROM max(last) - min(settled_at))::float8
        FROM requests, (SELECT max(settled_at) AS last FROM requests) AS ends";
    let row = client.query_one(SPEED, &[]).await?;
    let [applied, total, counted, seconds]: [f64; 4] =
        [row.get(0), row.get(1), row.get(2), row.get(3)];
    ensure!(applied >= total, "{applied} of {total} bookings were made; all could have been");
    Ok(counted / seconds)
}
