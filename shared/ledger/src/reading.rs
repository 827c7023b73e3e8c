//! From the streams and the inbox into the books.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::{Bus, ReadError, StoredMessage};
use contracts::metadata::header;
use contracts::subjects;
use domain::RequestId;
use store::StoreError;
use store::ledger::LedgerStore;

use super::books::{Books, Place};
use super::page::Page;

/// Messages that are held in memory at once, and rows that one statement reads.
const PAGE: u64 = 10_000;

/// The books can't be read at the moment.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// JetStream can't be asked.
    #[error(transparent)]
    Stream(#[from] ReadError),
    /// The inbox can't be asked.
    #[error("the inbox can't be read: {0}")]
    Inbox(#[from] StoreError),
}

/// Reads these sequences of the stream of commands, and the rows that belong to them. `done` is
/// how many messages were read.
pub async fn read_commands(
    bus: &Bus,
    store: &LedgerStore,
    books: &mut Books,
    range: RangeInclusive<u64>,
    done: &AtomicU64,
) -> Result<(), LedgerError> {
    let (mut first, last) = range.into_inner();
    while first <= last {
        let page_last = last.min(first + PAGE - 1);
        let mut messages = Vec::new();
        let keep = |message: StoredMessage| {
            let place = Place { sequence: message.sequence, stored_at: message.stored_at };
            let request = subjects::parse_command(&message.subject).map(|(_kind, id)| id);
            messages.push((place, request));
            done.fetch_add(1, Ordering::Relaxed);
        };
        bus.read(subjects::COMMANDS, first..=page_last, keep).await?;
        // Rows after messages: a row can't come before its message.
        let rows = store.inbox_between(first, page_last).await?;
        let page = Page::new(page_last, messages, rows);
        let unnamed = page.without_row();
        let found =
            if unnamed.is_empty() { Vec::new() } else { store.inbox_rows(&unnamed).await? };
        books.add(page, found);
        first = page_last + 1;
    }
    Ok(())
}

/// Hands over every dead letter: the request and the sequence that it names.
pub async fn read_letters(
    bus: &Bus,
    mut each: impl FnMut(Option<RequestId>, Option<u64>),
) -> Result<(), LedgerError> {
    let state = bus.state_of(subjects::DEAD).await?;
    let keep = |letter: StoredMessage| {
        // mc.dead.<worker>.<kind>.<request id, or the sequence of a message without one>
        let request = letter.subject.rsplit('.').next().and_then(|last| last.parse().ok());
        let is_command = letter.header(header::DEAD_ORIGIN_STREAM) == Some(subjects::COMMANDS);
        let sequence = letter.header(header::DEAD_ORIGIN_SEQUENCE);
        let sequence = sequence.filter(|_| is_command).and_then(|text| text.parse().ok());
        each(request, sequence);
    };
    bus.read(subjects::DEAD, state.first..=state.last, keep).await?;
    Ok(())
}

/// The ends of requests that were open when their page was read.
pub async fn read_late_ends(store: &LedgerStore, books: &mut Books) -> Result<(), LedgerError> {
    for ids in books.open().chunks(PAGE as usize) {
        for row in &store.inbox_rows(ids).await? {
            books.ended(row);
        }
    }
    Ok(())
}
