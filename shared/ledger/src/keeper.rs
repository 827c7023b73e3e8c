//! Keeping the books while work goes on: what is proven becomes a checkpoint, what lies far enough
//! below it may go, and what a consumer has skipped is named.

use std::sync::atomic::AtomicU64;

use bus::{Bus, StreamState};
use contracts::subjects;
use domain::RequestId;
use jiff::Timestamp;
use store::ledger::{Checkpointed, LedgerStore};

use super::books::Books;
use super::reading::{LedgerError, read_commands, read_late_ends, read_letters};

/// When to do what.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Messages that one checkpoint covers; more than 0.
    pub checkpoint_messages: u64,
    /// Messages below the last checkpoint that stay in the stream nevertheless.
    pub margin_messages: u64,
}

/// What a look at the books brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The last sequence that is in a checkpoint.
    pub checkpointed: u64,
    /// Checkpoints that were made just now.
    pub new_checkpoints: u64,
    /// Messages that were purged just now.
    pub purged: u64,
    /// Old messages without an end that the consumer was given long ago: perhaps in hand,
    /// perhaps skipped.
    pub unsettled: Vec<u64>,
    /// What can't be explained by work that waits. It stops checkpoints, and so purging.
    pub trouble: Option<String>,
}

/// Looks at the books, in the name of whoever holds the ledger's lock.
#[derive(Debug)]
pub struct Keeper<'a> {
    /// The streams.
    pub bus: &'a Bus,
    /// The inbox and the checkpoints.
    pub store: &'a LedgerStore,
    /// When to do what.
    pub rules: Rules,
}

/// A dead letter's request and the sequence it came from.
type Letter = (Option<RequestId>, Option<u64>);

impl Keeper<'_> {
    /// One look. `delivered` is the sequence up to which the consumer says it has delivered: what
    /// lies behind will come by itself. Nothing else that the consumer says is believed. Messages
    /// count as old that were stored before `old`.
    pub async fn look(
        &self,
        delivered: u64,
        now: Timestamp,
        old: Timestamp,
    ) -> Result<Findings, LedgerError> {
        let stream = self.bus.state_of(subjects::COMMANDS).await?;
        let end = delivered.min(stream.last);
        let mut checkpointed = self.store.checkpointed(stream.created_at).await?;
        let mut findings = Findings { checkpointed: checkpointed.up_to, ..Findings::default() };
        let mut letters = None;
        // Once a range isn't whole, those behind it are read for what is missing, and no more.
        let mut is_whole = true;
        let mut first = checkpointed.up_to + 1;
        while first <= end {
            let last = end.min(first + self.rules.checkpoint_messages - 1);
            let before = Checkpointed { up_to: first - 1, ..checkpointed.clone() };
            let mut books = Books::behind(before);
            self.read(&mut books, &stream, last, &mut letters).await?;
            findings.unsettled.extend(books.missing(old));
            findings.trouble = findings.trouble.take().or_else(|| books.trouble());
            let is_full = last - first + 1 == self.rules.checkpoint_messages;
            let checkpoint = books.checkpoint().filter(|_| is_whole && is_full);
            is_whole = checkpoint.is_some();
            if let Some(checkpoint) = checkpoint {
                self.store.record(stream.created_at, &checkpoint, now).await?;
                checkpointed.letters.extend(checkpoint.letters);
                findings.checkpointed = checkpoint.to_sequence;
                findings.new_checkpoints += 1;
            }
            first = last + 1;
        }
        findings.purged = self.purge(findings.checkpointed).await?;
        Ok(findings)
    }

    async fn read(
        &self,
        books: &mut Books,
        stream: &StreamState,
        last: u64,
        letters: &mut Option<Vec<Letter>>,
    ) -> Result<(), LedgerError> {
        let first = books.first().max(stream.first);
        read_commands(self.bus, self.store, books, first..=last, &AtomicU64::new(0)).await?;
        books.end(last);
        if books.has_open() {
            if letters.is_none() {
                let mut all = Vec::new();
                read_letters(self.bus, |request, at| all.push((request, at))).await?;
                *letters = Some(all);
            }
            for (request, at) in letters.iter().flatten() {
                books.letter(*request, *at);
            }
            read_late_ends(self.store, books).await?;
        }
        Ok(())
    }

    /// Purges below the last checkpoint, except for the margin. The checkpoint is committed:
    /// whoever crashes here, the next look goes on.
    async fn purge(&self, checkpointed: u64) -> Result<u64, LedgerError> {
        let keep_from = (checkpointed + 1).saturating_sub(self.rules.margin_messages);
        Ok(self.bus.purge_below(subjects::COMMANDS, keep_from).await?)
    }
}
