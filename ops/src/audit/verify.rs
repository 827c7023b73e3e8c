//! Reading the whole log past the check, in one snapshot and in bounded memory.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bus::Bus;
use contracts::subjects;
use futures::TryStreamExt as _;
use runtime::Settings;
use serde::Serialize;
use store::audit::Auditor;
use store::audit::seal::to_hex;

use super::check::{Check, Finding};
use crate::progress::{self, Step};

/// Seals that are held in memory at once, with the hashes of their rows.
const SEALS_AT_ONCE: i64 = 100;

/// Rows of which it is looked up where they were sealed: that reads all seals for each.
const LOOKED_UP: usize = 20;

/// How long to wait for a server that may not be there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Nothing is wrong.
    pub intact: bool,
    /// Rows of the log.
    pub rows: u64,
    /// Seals of the log.
    pub seals: u64,
    /// The last seal's number; 0 for an empty log.
    pub last_seal: i64,
    /// Its hash: written down elsewhere, it proves later what the log was now.
    pub last_hash: String,
    /// The last seal that the anchor knows of.
    pub anchored_seal: Option<i64>,
    /// Messages of both streams that are not sealed yet.
    pub waiting: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Reads everything.
pub async fn verify(settings: &Settings) -> anyhow::Result<Verdict> {
    let url = settings.database.require_auditor_url()?;
    let bus = tokio::time::timeout(CONNECT_PATIENCE, Bus::connect(&settings.nats, "audit-verify"))
        .await
        .map_err(|_| {
            let url = &settings.nats.url;
            anyhow::anyhow!("no NATS server answers at {url}; start it, or correct NATS_URL")
        })??;
    // Before the snapshot: what is anchored by now must be in it.
    let anchors = ::audit::anchor::read(&bus).await?;
    let log = Auditor::connect(url, &settings.database).await;
    let log = log.context("the audit log can't be read")?;
    // After the snapshot: what is sealed in it must still be in the streams.
    let mut ends = Vec::new();
    for stream in [subjects::AUDIT, subjects::EVENTS] {
        ends.push((stream, bus.state_of(stream).await?.last));
    }

    let mut check = Check::new(anchors.last.iter().chain(&anchors.conflicts));
    let done = AtomicU64::new(0);
    let total = log.last_row().await?.cast_unsigned();
    let look = || Step { done: done.load(Ordering::Relaxed), note: String::new() };
    let reading = read(&log, &mut check, &done);
    progress::watch_in_passing("verifying rows", total, look, reading).await?;

    for (row, seal, leaf) in std::mem::take(&mut check.strangers) {
        let place = match leaf {
            Some(leaf) if check.findings.len() < LOOKED_UP => log.place_of(&leaf).await?,
            _ => None,
        };
        check.stranger(row, seal, place);
    }
    check.anchors(anchors.last.as_ref(), &anchors.conflicts);
    let sealed = [check.end().audit, check.end().events];
    let mut waiting = 0;
    for ((stream, last), sealed) in ends.into_iter().zip(sealed) {
        waiting += check.stream(stream, last, sealed);
    }
    Ok(Verdict {
        intact: check.findings.is_empty(),
        rows: check.rows,
        seals: check.seals,
        last_seal: check.end().number,
        last_hash: to_hex(&check.end().hash),
        anchored_seal: anchors.last.map(|anchor| anchor.seal),
        waiting,
        findings: check.findings,
    })
}

async fn read(log: &Auditor, check: &mut Check, done: &AtomicU64) -> anyhow::Result<()> {
    loop {
        let before = check.end().last_row;
        let seals = log.seals(check.end().number, SEALS_AT_ONCE).await?;
        for seal in &seals {
            check.seal(seal);
        }
        // Behind the last seal there must be nothing.
        let to = if seals.is_empty() { i64::MAX } else { check.end().last_row };
        let mut rows = pin!(log.rows(before + 1, to).await?);
        while let Some(row) = rows.try_next().await? {
            check.row(&row);
            done.fetch_add(1, Ordering::Relaxed);
        }
        check.rows_done();
        if seals.is_empty() {
            return Ok(());
        }
    }
}
