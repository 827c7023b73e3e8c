//! Reads the books, and what lies beside them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bus::{Bus, StreamState};
use contracts::subjects;
use domain::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use ledger::{Balance, Books, read_commands, read_late_ends, read_letters};
use runtime::Settings;
use serde::Serialize;
use store::ledger::{LedgerStore, UnpublishedFacts};

use crate::progress::{self, Step};

/// How long to wait for a server that may not be there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Times to begin again when the stream is purged away from under the reader's eyes.
const TRIES: u32 = 3;

/// The books and what lies beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// When the books were read.
    pub read_at: Timestamp,
    /// Older than this is what no longer counts as in flight.
    pub grace_minutes: i64,
    /// What the books come to.
    #[serde(flatten)]
    pub balance: Balance,
    /// Facts that are committed, and are older than the grace, and still aren't published. The
    /// requests themselves are settled: a warning, not an imbalance.
    pub unpublished_facts: Unpublished,
}

/// Facts that wait in the outbox for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unpublished {
    /// How many.
    pub count: u64,
    /// When the oldest was committed.
    pub oldest: Option<Timestamp>,
}

/// Reads everything and draws the balance.
pub async fn read(settings: &Settings, grace: SignedDuration) -> anyhow::Result<Ledger> {
    let store = LedgerStore::connect(settings.database.require_ops_url()?, &settings.database)?;
    store.check().await.context("the inbox can't be read")?;
    let bus = tokio::time::timeout(CONNECT_PATIENCE, Bus::connect(&settings.nats, "ledger"))
        .await
        .map_err(|_| {
            let url = &settings.nats.url;
            anyhow::anyhow!("no NATS server answers at {url}; start it, or correct NATS_URL")
        })??;
    for _ in 0..TRIES {
        let Some((books, stream, now)) = read_books(&bus, &store).await? else { continue };
        let unpublished = store.unpublished_older(now - grace).await?;
        return Ok(Ledger {
            read_at: now,
            grace_minutes: grace.as_mins(),
            balance: books.balance(stream.first, now, grace),
            unpublished_facts: unpublished.into(),
        });
    }
    bail!("the stream was purged {TRIES} times while it was read; run this again")
}

/// The books, or nothing when a checkpoint was made and the stream purged below it meanwhile.
async fn read_books(
    bus: &Bus,
    store: &LedgerStore,
) -> anyhow::Result<Option<(Books, StreamState, Timestamp)>> {
    let stream = bus.state_of(subjects::COMMANDS).await?;
    let now = SystemClock.now();
    let checkpointed = store.checkpointed(stream.created_at).await?;
    let proven = checkpointed.up_to;
    let mut books = Books::behind(checkpointed);

    let range = books.first().max(stream.first)..=stream.last;
    let total = (stream.last + 1).saturating_sub(*range.start());
    let done = AtomicU64::new(0);
    let reading = Box::pin(read_commands(bus, store, &mut books, range, &done));
    watch("reading commands", total, &done, reading).await?;
    books.end(stream.last);

    let stream = bus.state_of(subjects::COMMANDS).await?;
    if books.is_undercut_by(stream.first)
        && store.checkpointed(stream.created_at).await?.up_to > proven
    {
        return Ok(None);
    }

    // A letter can only come after its message, so the letters are read last but one …
    let total = bus.state_of(subjects::DEAD).await?.messages;
    let done = AtomicU64::new(0);
    let reading = Box::pin(read_letters(bus, |request, sequence| {
        books.letter(request, sequence);
        done.fetch_add(1, Ordering::Relaxed);
    }));
    watch("reading letters", total, &done, reading).await?;
    for letter in store.letters().await? {
        books.letter_stands(letter.request_id, &letter.state);
    }
    // … and the ends of what is still open last: a replayed letter may have ended meanwhile.
    read_late_ends(store, &mut books).await?;
    Ok(Some((books, stream, now)))
}

async fn watch<T>(
    title: &'static str,
    total: u64,
    done: &AtomicU64,
    work: impl Future<Output = T>,
) -> T {
    let look = || Step { done: done.load(Ordering::Relaxed), note: String::new() };
    progress::watch_in_passing(title, total, look, work).await
}

impl From<UnpublishedFacts> for Unpublished {
    fn from(facts: UnpublishedFacts) -> Self {
        Self { count: facts.count, oldest: facts.oldest }
    }
}
