//! The limit: rows that lie ready, and one COPY.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::ensure;
use bytes::Bytes;
use futures::{SinkExt as _, TryStreamExt as _};
use store::ServiceRole;

use crate::lab::Database;

/// Rows of the audit log, as COPY writes and reads them.
pub(super) type Rows = Vec<Bytes>;

/// All rows of the log.
pub(super) async fn read(database: &Database) -> anyhow::Result<Rows> {
    let client = database.connect().await?;
    let rows = client.copy_out("COPY audit_log TO STDOUT BINARY").await?;
    Ok(rows.try_collect().await?)
}

/// Writes them to an empty log, as the worker's role; how many per second.
pub(super) async fn write(
    database: &Database,
    rows: &Rows,
    count: u32,
    copied: &AtomicU64,
) -> anyhow::Result<f64> {
    let client = database.connect_as(ServiceRole::Audit).await?;
    let began = Instant::now();
    let mut sink = pin!(client.copy_in("COPY audit_log FROM STDIN BINARY").await?);
    for chunk in rows {
        sink.feed(chunk.clone()).await?;
    }
    let written = sink.finish().await?;
    let seconds = began.elapsed().as_secs_f64();
    copied.store(written, Ordering::Relaxed);
    ensure!(written == u64::from(count), "{written} rows instead of {count}");
    Ok(f64::from(count) / seconds)
}
