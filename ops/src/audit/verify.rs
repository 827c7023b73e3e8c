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

use super::check::{Check, Finding, Notice};
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
    /// What the log says of itself: what it lacks.
    pub notices: Vec<Notice>,
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
        ends.push((stream, bus.state_of(stream).await?));
    }

    let mut check = Check::new(anchors.last.iter().chain(&anchors.conflicts));
    let done = AtomicU64::new(0);
    let total = log.last_row().await?.cast_unsigned();
    let look = || Step { done: done.load(Ordering::Relaxed), note: String::new() };
    let reading = read(&log, &mut check, &done);
    progress::watch_in_passing("verifying rows", total, look, reading).await?;

    for (index, (row, seal, leaf)) in std::mem::take(&mut check.strangers).into_iter().enumerate() {
        let place = match leaf {
            Some(leaf) if index < LOOKED_UP => log.place_of(&leaf).await?,
            _ => None,
        };
        check.stranger(row, seal, place);
    }
    check.nameless(log.nameless().await?);
    check.anchors(anchors.last.as_ref(), &anchors.conflicts);
    let sealed = [check.end().audit, check.end().events];
    let mut waiting = 0;
    for ((stream, now), sealed) in ends.into_iter().zip(sealed) {
        waiting += check.stream(stream, &now, sealed);
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
        notices: check.notices,
    })
}

async fn read(log: &Auditor, check: &mut Check, done: &AtomicU64) -> anyhow::Result<()> {
    // From the very beginning, and never back: what a seal says of itself may be false.
    let (mut last_seal, mut next_row) = (i64::MIN, i64::MIN);
    loop {
        let seals = log.seals(last_seal, SEALS_AT_ONCE).await?;
        for seal in &seals {
            check.seal(seal);
            last_seal = seal.seal.number;
        }
        // Behind the last seal there must be nothing.
        let to = if seals.is_empty() { i64::MAX } else { check.end().last_row };
        if to >= next_row {
            let mut rows = pin!(log.rows(next_row, to).await?);
            while let Some(row) = rows.try_next().await? {
                check.row(&row);
                done.fetch_add(1, Ordering::Relaxed);
            }
            check.rows_done(to);
            next_row = to.saturating_add(1);
        }
        if seals.is_empty() {
            return Ok(());
        }
    }
}
