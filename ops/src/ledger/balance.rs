//! The books: every accepted request has one end, or waits, or is missing. Pure; it knows of no
//! server.
//!
//! What waits is counted for itself: no row, no letter, and young. It is never what is left over,
//! so the books can fail to balance.

use std::collections::{BTreeMap, HashSet};

use domain::RequestId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// One accepted request: 32 bytes each, which with the stream's limit in bytes bounds the memory.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    id: RequestId,
    /// Of its first message.
    place: Place,
}

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

/// A row of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<'a> {
    /// Which request.
    pub id: RequestId,
    /// How, in a word.
    pub outcome: &'a str,
    /// Why, when it was rejected.
    pub reason: Option<&'a str>,
    /// Position of the message that was settled.
    pub sequence: u64,
}

/// What the stream of commands says, while it is read from its first message to its last.
#[derive(Debug)]
pub struct CommandsRead {
    first: u64,
    last: u64,
    expected: u64,
    messages: u64,
    accepted: Vec<Accepted>,
    unreadable: Vec<Place>,
    gaps: Vec<Gap>,
}

impl CommandsRead {
    /// Begins with a stream whose lowest and highest sequences are these.
    pub fn new(first: u64, last: u64) -> Self {
        // A stream that never held anything begins at 0, and its first message will be 1.
        let first = first.max(1);
        Self {
            first,
            last,
            expected: first,
            messages: 0,
            accepted: Vec::new(),
            unreadable: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// The next message; without a request id it is unreadable.
    pub fn message(&mut self, place: Place, request: Option<RequestId>) {
        self.expect(place.sequence);
        self.expected = place.sequence + 1;
        self.messages += 1;
        match request {
            Some(id) => self.accepted.push(Accepted { id, place }),
            None => self.unreadable.push(place),
        }
    }

    /// How many messages were read.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The stream was read to its end. What now lies below `first_now` was purged meanwhile: no
    /// gap.
    pub fn end(mut self, first_now: u64) -> Books {
        self.expect(self.last + 1);
        self.gaps.retain_mut(|gap| {
            gap.from = gap.from.max(first_now);
            gap.from <= gap.to
        });
        // By id, and of each request the first message.
        let readable = self.accepted.len();
        self.accepted.sort_unstable_by_key(|accepted| (accepted.id, accepted.place.sequence));
        self.accepted.dedup_by_key(|accepted| accepted.id);
        Books {
            purged: self.first.max(first_now).saturating_sub(1),
            repeats: (readable - self.accepted.len()) as u64,
            has_ended: vec![false; self.accepted.len()],
            read: self,
            letters: 0,
            letters_of: HashSet::new(),
            letters_at: HashSet::new(),
            replaying: HashSet::new(),
            discarded: HashSet::new(),
            settled: Settled::default(),
            settled_before_the_stream: 0,
            without_message: Vec::new(),
        }
    }

    fn expect(&mut self, sequence: u64) {
        if sequence > self.expected {
            self.gaps.push(Gap { from: self.expected, to: sequence - 1 });
        }
    }
}

/// The books of a stream: what was accepted, and what of it has ended.
#[derive(Debug)]
pub struct Books {
    read: CommandsRead,
    purged: u64,
    repeats: u64,
    /// Of each accepted request, whether its end was seen.
    has_ended: Vec<bool>,
    letters: u64,
    letters_of: HashSet<RequestId>,
    letters_at: HashSet<u64>,
    replaying: HashSet<RequestId>,
    discarded: HashSet<RequestId>,
    settled: Settled,
    settled_before_the_stream: u64,
    without_message: Vec<SettledWithoutMessage>,
}

/// Accepted requests that have a row in the inbox.
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

/// A request that was settled from a message that isn't in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SettledWithoutMessage {
    /// Position that the message had, by the inbox.
    pub sequence: u64,
    /// Which request.
    pub request_id: RequestId,
}

/// A request that is nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Which.
    pub request_id: RequestId,
    /// Its first message.
    #[serde(flatten)]
    pub place: Place,
}

/// What the books come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Whether nothing is missing.
    pub balanced: bool,
    /// Sequences below the stream's first: purged, which is no loss.
    pub purged: u64,
    /// Messages in the stream.
    pub messages: u64,
    /// Accepted requests: ids, each counted once.
    pub requests: u64,
    /// Further messages of the same ids.
    pub repeats: u64,
    /// Requests that have ended.
    pub settled: Settled,
    /// Requests that haven't ended and have a dead letter.
    pub dead: u64,
    /// Those, by where their letter stands.
    pub dead_by_state: DeadByState,
    /// Requests that haven't ended, have no letter, and are young.
    pub in_flight: u64,
    /// Requests that haven't ended, have no letter, and are old.
    pub unaccounted_for: Vec<Missing>,
    /// Messages that name no request.
    pub unreadable: Unreadable,
    /// Sequences that should be in the stream.
    pub lost: Vec<Gap>,
    /// Requests that ended without a message in the stream's range.
    pub settled_without_message: Vec<SettledWithoutMessage>,
    /// Requests that ended, and whose messages were purged.
    pub settled_and_purged: u64,
    /// Dead letters.
    pub letters: u64,
}

/// Requests that haven't ended, by where their letter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeadByState {
    /// Nobody has dealt with it.
    pub open: u64,
    /// Its message is in the stream again.
    pub replaying: u64,
    /// An operator decided that it isn't tried again.
    pub discarded: u64,
}

/// Messages that name no request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// All of them.
    pub total: u64,
    /// A dead letter names their sequence.
    pub dead: u64,
    /// No letter yet, and young.
    pub in_flight: u64,
    /// No letter, and old.
    pub unaccounted_for: Vec<Place>,
}

impl Books {
    /// A dead letter of this request, from the message at this sequence.
    pub fn letter(&mut self, request: Option<RequestId>, origin_sequence: Option<u64>) {
        self.letters += 1;
        self.letters_of.extend(request);
        self.letters_at.extend(origin_sequence);
    }

    /// Where a request's letter stands, in a word; what isn't said is open.
    pub fn letter_stands(&mut self, request: RequestId, state: &str) {
        match state {
            "replaying" => drop(self.replaying.insert(request)),
            "discarded" => drop(self.discarded.insert(request)),
            _ => {}
        }
    }

    /// A row of the inbox; the same row may be seen again.
    pub fn ended(&mut self, row: Ended<'_>) {
        let accepted = &self.read.accepted;
        let Ok(index) = accepted.binary_search_by_key(&row.id, |accepted| accepted.id) else {
            return self.ended_elsewhere(row);
        };
        if std::mem::replace(&mut self.has_ended[index], true) {
            return;
        }
        self.settled.total += 1;
        match row.outcome {
            "applied" => self.settled.applied += 1,
            "withdrawn" => self.settled.withdrawn += 1,
            other => {
                let reason = row.reason.unwrap_or(other).to_owned();
                *self.settled.rejected.entry(reason).or_default() += 1;
            }
        }
    }

    fn ended_elsewhere(&mut self, row: Ended<'_>) {
        if row.sequence <= self.purged {
            self.settled_before_the_stream += 1;
        } else if row.sequence <= self.read.last {
            let request_id = row.id;
            self.without_message.push(SettledWithoutMessage { sequence: row.sequence, request_id });
        }
        // Behind the last: accepted after the stream was read.
    }

    /// Requests whose end wasn't seen so far.
    pub fn open(&self) -> Vec<RequestId> {
        self.still_open().map(|accepted| accepted.id).collect()
    }

    fn still_open(&self) -> impl Iterator<Item = &Accepted> {
        let accepted = self.read.accepted.iter().zip(&self.has_ended);
        accepted.filter(|(_, has_ended)| !**has_ended).map(|(accepted, _)| accepted)
    }

    /// What the books come to. Younger than `grace` is what waits.
    pub fn balance(mut self, now: Timestamp, grace: SignedDuration) -> Balance {
        let is_young = |place: &Place| now.duration_since(place.stored_at) <= grace;
        let (mut dead, mut in_flight, mut unaccounted_for) = (0, 0, Vec::new());
        let mut by_state = DeadByState::default();
        for accepted in self.still_open() {
            if self.letters_of.contains(&accepted.id) {
                dead += 1;
                if self.replaying.contains(&accepted.id) {
                    by_state.replaying += 1;
                } else if self.discarded.contains(&accepted.id) {
                    by_state.discarded += 1;
                } else {
                    by_state.open += 1;
                }
            } else if is_young(&accepted.place) {
                in_flight += 1;
            } else {
                unaccounted_for.push(Missing { request_id: accepted.id, place: accepted.place });
            }
        }
        unaccounted_for.sort_unstable_by_key(|missing| missing.place.sequence);
        let mut unreadable =
            Unreadable { total: self.read.unreadable.len() as u64, ..Unreadable::default() };
        for place in &self.read.unreadable {
            if self.letters_at.contains(&place.sequence) {
                unreadable.dead += 1;
            } else if is_young(place) {
                unreadable.in_flight += 1;
            } else {
                unreadable.unaccounted_for.push(*place);
            }
        }
        self.without_message.sort_unstable();
        self.without_message.dedup();
        Balance {
            balanced: unaccounted_for.is_empty()
                && unreadable.unaccounted_for.is_empty()
                && self.read.gaps.is_empty()
                && self.without_message.is_empty(),
            purged: self.purged,
            messages: self.read.messages,
            requests: self.read.accepted.len() as u64,
            repeats: self.repeats,
            settled: self.settled,
            dead,
            dead_by_state: by_state,
            in_flight,
            unaccounted_for,
            unreadable,
            lost: self.read.gaps,
            settled_without_message: self.without_message,
            settled_and_purged: self.settled_before_the_stream,
            letters: self.letters,
        }
    }
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
