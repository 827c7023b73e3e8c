//! The books: every accepted request has one end, or waits, or is missing. Pure; it knows of no
//! server.
//!
//! A request is counted at one message: the one that its row in the inbox names. Its other
//! messages are repeats. So each message has one place in the books, whichever range of the stream
//! they cover, and the counts of adjoining ranges add up.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::RequestId;
use jiff::Timestamp;
use serde::Serialize;
use store::ledger::{Checkpoint, Checkpointed, InboxRow, KeptLetter};

use super::balance::SettledWithoutMessage;
use super::page::Page;

/// Where and when a message was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its position in the stream.
    pub sequence: u64,
    /// When the server stored it.
    pub stored_at: Timestamp,
}

/// Consecutive sequences that should be in the stream and aren't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// Requests that have a row in the inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// All of them.
    pub total: u64,
    /// Done.
    pub applied: u64,
    /// Refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Taken back.
    pub withdrawn: u64,
}

impl Settled {
    fn count(&mut self, row: &InboxRow) {
        self.total += 1;
        match row.outcome.as_str() {
            "applied" => self.applied += 1,
            "withdrawn" => self.withdrawn += 1,
            other => {
                let reason = row.reason.as_deref().unwrap_or(other).to_owned();
                *self.rejected.entry(reason).or_default() += 1;
            }
        }
    }
}

/// A message that has no row: of a request that hasn't ended, or unreadable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub place: Place,
    pub has_letter: bool,
    /// Where its letter stands, if it has one.
    pub stands: Standing,
    /// A checkpoint counts it; it is here only so that its letter is looked for.
    pub is_checkpointed: bool,
}

/// Where a dead letter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Open,
    Replaying,
    Discarded,
}

/// The books of a range of the stream. They hold counts, and one entry for each request that
/// is open.
#[derive(Debug)]
pub struct Books {
    pub(super) checkpointed: Checkpointed,
    /// The first sequence that is not in a checkpoint.
    pub(super) first: u64,
    /// The sequence that comes next.
    pub(super) next: u64,
    pub(super) messages: u64,
    pub(super) repeats: u64,
    pub(super) settled: Settled,
    /// Of requests that a checkpoint counts as dead, and that have ended since: counted by a row …
    pub(super) revived: Settled,
    /// … or by another message of theirs, to which the checkpoint's is a repeat.
    pub(super) revived_elsewhere: u64,
    /// By request; of each request its first message.
    pub(super) open: HashMap<RequestId, Open>,
    /// By sequence.
    pub(super) unreadable: BTreeMap<u64, Open>,
    pub(super) gaps: Vec<Gap>,
    pub(super) without_message: Vec<SettledWithoutMessage>,
    pub(super) letters: u64,
}

impl Books {
    /// Books that begin where the checkpoints end.
    pub fn behind(checkpointed: Checkpointed) -> Self {
        let mut books = Self {
            first: checkpointed.up_to + 1,
            next: checkpointed.up_to + 1,
            messages: 0,
            repeats: 0,
            settled: Settled::default(),
            revived: Settled::default(),
            revived_elsewhere: 0,
            open: HashMap::new(),
            unreadable: BTreeMap::new(),
            gaps: Vec::new(),
            without_message: Vec::new(),
            letters: 0,
            checkpointed,
        };
        for KeptLetter { sequence, request_id, stored_at } in &books.checkpointed.letters {
            let place = Place { sequence: *sequence, stored_at: *stored_at };
            let open =
                Open { place, has_letter: false, stands: Standing::Open, is_checkpointed: true };
            match request_id {
                Some(id) => books.open.insert(*id, open),
                None => books.unreadable.insert(*sequence, open),
            };
        }
        books
    }

    /// The sequence at which the books begin.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The next page. `found` are the rows of [`Page::without_row`], as far as there are any.
    pub fn add(&mut self, mut page: Page, found: Vec<InboxRow>) {
        let elsewhere: HashSet<RequestId> = found.iter().map(|row| row.id).collect();
        for row in found {
            // Settled since the page was read.
            if (self.next..=page.last).contains(&row.stream_sequence) {
                page.rows.insert((row.stream_sequence, row.id), row);
            }
        }
        for (place, request) in std::mem::take(&mut page.messages) {
            self.expect(place.sequence);
            self.next = place.sequence + 1;
            self.messages += 1;
            let open =
                Open { place, has_letter: false, stands: Standing::Open, is_checkpointed: false };
            let Some(id) = request else {
                self.unreadable.insert(place.sequence, open);
                continue;
            };
            if let Some(row) = page.rows.remove(&(place.sequence, id)) {
                self.settled.count(&row);
                // What came before it wasn't settled: that was a repeat, and here is its end.
                self.close_as_repeat(id);
            } else if elsewhere.contains(&id) || self.open.contains_key(&id) {
                self.repeats += 1;
            } else {
                self.open.insert(id, open);
            }
        }
        self.expect(page.last + 1);
        self.next = self.next.max(page.last + 1);
        let missing = page.rows.into_keys();
        self.without_message.extend(
            missing.map(|(sequence, request_id)| SettledWithoutMessage { sequence, request_id }),
        );
    }

    /// The stream ends here.
    pub fn end(&mut self, last: u64) {
        self.expect(last + 1);
        // Covered by a checkpoint, and yet never given: not the stream that was proven.
        if last + 1 < self.first {
            self.gaps.push(Gap { from: last + 1, to: self.first - 1 });
        }
        self.next = self.next.max(last + 1);
    }

    fn expect(&mut self, sequence: u64) {
        if sequence > self.next {
            self.gaps.push(Gap { from: self.next, to: sequence - 1 });
        }
    }

    fn close_as_repeat(&mut self, id: RequestId) {
        match self.open.remove(&id) {
            Some(Open { is_checkpointed: true, .. }) => self.revived_elsewhere += 1,
            Some(_) => self.repeats += 1,
            None => {}
        }
    }

    /// A dead letter of this request, from the message at this sequence.
    pub fn letter(&mut self, request: Option<RequestId>, origin_sequence: Option<u64>) {
        self.letters += 1;
        if let Some(open) = request.and_then(|id| self.open.get_mut(&id)) {
            open.has_letter = true;
        }
        if let Some(open) = origin_sequence.and_then(|at| self.unreadable.get_mut(&at)) {
            open.has_letter = true;
        }
    }

    /// Where a request's letter stands, in a word; what isn't said is open.
    pub fn letter_stands(&mut self, request: RequestId, state: &str) {
        let stands = match state {
            "replaying" => Standing::Replaying,
            "discarded" => Standing::Discarded,
            _ => return,
        };
        if let Some(open) = self.open.get_mut(&request) {
            open.stands = stands;
        }
    }

    /// Requests whose end wasn't seen so far.
    pub fn open(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    /// Whether something of this range has no row.
    pub fn has_open(&self) -> bool {
        self.open.values().chain(self.unreadable.values()).any(|open| !open.is_checkpointed)
    }

    /// The row of a request that was open when its page was read.
    pub fn ended(&mut self, row: &InboxRow) {
        let Some(open) = self.open.get(&row.id) else { return };
        let is_checkpointed = open.is_checkpointed;
        let names_it = if is_checkpointed {
            row.stream_sequence == open.place.sequence
        } else {
            (self.first..self.next).contains(&row.stream_sequence)
        };
        if !names_it {
            return self.close_as_repeat(row.id);
        }
        self.open.remove(&row.id);
        if is_checkpointed { self.revived.count(row) } else { self.settled.count(row) }
    }

    /// Whether what looks like a loss may have been purged while the books were read: the stream
    /// begins at `first_now` by now.
    pub fn is_undercut_by(&self, first_now: u64) -> bool {
        self.gaps.iter().any(|gap| gap.from < first_now) && first_now > self.first
    }

    /// A checkpoint of the whole range, if every message in it has its place.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let mine = |open: &&Open| !open.is_checkpointed;
        let is_whole = self.gaps.is_empty()
            && self.without_message.is_empty()
            && self.open.values().filter(mine).all(|open| open.has_letter)
            && self.unreadable.values().filter(mine).all(|open| open.has_letter);
        if !is_whole || self.next == self.first {
            return None;
        }
        let letter = |open: &Open, request_id| KeptLetter {
            sequence: open.place.sequence,
            request_id,
            stored_at: open.place.stored_at,
        };
        let dead = self.open.iter().filter(|(_, open)| mine(open));
        let dead = dead.map(|(id, open)| letter(open, Some(*id)));
        let unreadable = self.unreadable.values().filter(mine).map(|open| letter(open, None));
        Some(Checkpoint {
            from_sequence: self.first,
            to_sequence: self.next - 1,
            applied: self.settled.applied,
            rejected: self.settled.rejected.clone(),
            withdrawn: self.settled.withdrawn,
            repeats: self.repeats,
            letters: dead.chain(unreadable).collect(),
        })
    }

    /// Messages of this range that have neither row nor letter, and were stored before `before`.
    pub fn missing(&self, before: Timestamp) -> Vec<u64> {
        let all = self.open.values().chain(self.unreadable.values());
        let missing = all.filter(|open| !open.has_letter && !open.is_checkpointed);
        let old = missing.filter(|open| open.place.stored_at < before);
        let mut sequences: Vec<u64> = old.map(|open| open.place.sequence).collect();
        sequences.sort_unstable();
        sequences
    }

    /// What can't be explained by work that waits, in a few words.
    pub fn trouble(&self) -> Option<String> {
        if let Some(Gap { from, to }) = self.gaps.first() {
            return Some(format!("sequences {from} to {to} are gone"));
        }
        let orphan = self.without_message.first()?;
        Some(format!("the inbox names sequence {}, which isn't its request's", orphan.sequence))
    }
}
