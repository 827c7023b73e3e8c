//! From the streams and the inbox into the books.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, StreamRange};
use contracts::metadata::header;
use contracts::subjects;
use domain::{Clock as _, RequestId, SystemClock};
use jiff::{SignedDuration, Timestamp};
use runtime::Settings;
use serde::Serialize;
use store::ledger::{InboxRow, LedgerReader, UnpublishedFacts};

use super::balance::{Balance, Books, CommandsRead, Ended, Place};
use crate::progress::{self, Step};

/// Rows of the inbox that one statement reads.
const PAGE: usize = 10_000;

/// How long to wait for a server that may not be there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

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
    let database = LedgerReader::connect(settings.database.require_ops_url()?, &settings.database)?;
    database.check().await.context("the inbox can't be read")?;
    let bus = tokio::time::timeout(CONNECT_PATIENCE, Bus::connect(&settings.nats, "ledger"))
        .await
        .map_err(|_| {
            let url = &settings.nats.url;
            anyhow::anyhow!("no NATS server answers at {url}; start it, or correct NATS_URL")
        })??;

    let (commands, now) = read_commands(&bus).await?;
    let first_now = bus.range_of(subjects::COMMANDS).await?.first;
    let mut books = commands.end(first_now);
    read_inbox(&database, &mut books).await?;
    // A letter can only come after its message, so the letters are read last but one …
    read_letters(&bus, &mut books).await?;
    for letter in database.letters().await? {
        books.letter_stands(letter.request_id, &letter.state);
    }
    // … and the ends of what is still open last: a replayed letter may have ended meanwhile.
    read_late_ends(&database, &mut books).await?;
    let unpublished = database.unpublished_older(now - grace).await?;
    Ok(Ledger {
        read_at: now,
        grace_minutes: grace.as_mins(),
        balance: books.balance(now, grace),
        unpublished_facts: unpublished.into(),
    })
}

async fn read_commands(bus: &Bus) -> anyhow::Result<(CommandsRead, Timestamp)> {
    let range = bus.range_of(subjects::COMMANDS).await?;
    let now = SystemClock.now();
    let mut read = CommandsRead::new(range.first, range.last);
    let done = AtomicU64::new(0);
    let reading = bus.read(subjects::COMMANDS, range, |message| {
        let place = Place { sequence: message.sequence, stored_at: message.stored_at };
        let request = subjects::parse_command(&message.subject).map(|(_kind, id)| id);
        read.message(place, request);
        done.store(read.messages(), Ordering::Relaxed);
    });
    watch("reading commands", range.messages, &done, reading).await?;
    Ok((read, now))
}

async fn read_letters(bus: &Bus, books: &mut Books) -> anyhow::Result<()> {
    let range: StreamRange = bus.range_of(subjects::DEAD).await?;
    let done = AtomicU64::new(0);
    let reading = bus.read(subjects::DEAD, range, |letter| {
        // mc.dead.<worker>.<kind>.<request id, or the sequence of a message without one>
        let request: Option<RequestId> =
            letter.subject.rsplit('.').next().and_then(|last| last.parse().ok());
        let is_command = letter.header(header::DEAD_ORIGIN_STREAM) == Some(subjects::COMMANDS);
        let sequence = letter.header(header::DEAD_ORIGIN_SEQUENCE);
        let sequence = sequence.filter(|_| is_command).and_then(|text| text.parse().ok());
        books.letter(request, sequence);
        done.fetch_add(1, Ordering::Relaxed);
    });
    watch("reading letters", range.messages, &done, reading).await?;
    Ok(())
}

async fn read_inbox(database: &LedgerReader, books: &mut Books) -> anyhow::Result<()> {
    let estimate = database.inbox_estimate().await?;
    let done = AtomicU64::new(0);
    // In a box: a statement's future is large, and all who wait for this would carry it along.
    let reading = Box::pin(async {
        let mut after = None;
        loop {
            let page = database.inbox_page(after, PAGE as i64).await?;
            let Some(last) = page.last() else { return anyhow::Ok(()) };
            after = Some(last.id);
            for row in &page {
                books.ended(ended(row));
            }
            done.fetch_add(page.len() as u64, Ordering::Relaxed);
        }
    });
    watch("reading the inbox", estimate, &done, reading).await
}

/// Requests may have ended while the inbox was read, behind the reader's back.
async fn read_late_ends(database: &LedgerReader, books: &mut Books) -> anyhow::Result<()> {
    for ids in books.open().chunks(PAGE) {
        for row in &database.inbox_rows(ids).await? {
            books.ended(ended(row));
        }
    }
    Ok(())
}

fn ended(row: &InboxRow) -> Ended<'_> {
    Ended {
        id: row.id,
        outcome: &row.outcome,
        reason: row.reason.as_deref(),
        sequence: row.stream_sequence,
    }
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
