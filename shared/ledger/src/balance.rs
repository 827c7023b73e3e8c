//! What the books come to.
//!
//! What waits is counted for itself: no row, no letter, and young. It is never what is left over,
//! so the books can fail to balance.

use domain::RequestId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::books::{Books, Gap, Place, Settled, Standing};

/// A request that was settled from a message that isn't in the stream, or isn't its own.
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

/// What the books come to, checkpoints included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Whether nothing is missing.
    pub balanced: bool,
    /// Messages: counted by checkpoints, and read from the stream behind them.
    pub messages: u64,
    /// Those that checkpoints count: the sequences up to this one.
    pub checkpointed: u64,
    /// Those that were purged from the stream, below a checkpoint.
    pub purged: u64,
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
    /// Requests that ended without a message of theirs in the stream's range.
    pub settled_without_message: Vec<SettledWithoutMessage>,
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

impl DeadByState {
    fn count(&mut self, stands: Standing) {
        match stands {
            Standing::Open => self.open += 1,
            Standing::Replaying => self.replaying += 1,
            Standing::Discarded => self.discarded += 1,
        }
    }
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
    /// What the books come to, for a stream that begins at `stream_first`. Younger than `grace`
    /// is what waits.
    pub fn balance(self, stream_first: u64, now: Timestamp, grace: SignedDuration) -> Balance {
        let is_young = |place: &Place| now.duration_since(place.stored_at) <= grace;
        let (mut dead, mut in_flight, mut unaccounted_for) = (0, 0, Vec::new());
        let mut dead_by_state = DeadByState::default();
        for (request_id, open) in &self.open {
            if open.has_letter {
                dead += 1;
                dead_by_state.count(open.stands);
            } else if is_young(&open.place) {
                in_flight += 1;
            } else {
                unaccounted_for.push(Missing { request_id: *request_id, place: open.place });
            }
        }
        unaccounted_for.sort_unstable_by_key(|missing| missing.place.sequence);
        let mut unreadable =
            Unreadable { total: self.unreadable.len() as u64, ..Unreadable::default() };
        for open in self.unreadable.values() {
            if open.has_letter {
                unreadable.dead += 1;
            } else if is_young(&open.place) {
                unreadable.in_flight += 1;
            } else {
                unreadable.unaccounted_for.push(open.place);
            }
        }
        let mut without_message = self.without_message;
        without_message.sort_unstable();
        let settled = total([self.settled, self.revived, of_checkpoints(&self.checkpointed)]);
        Balance {
            balanced: unaccounted_for.is_empty()
                && unreadable.unaccounted_for.is_empty()
                && self.gaps.is_empty()
                && without_message.is_empty(),
            messages: self.messages + self.checkpointed.up_to,
            checkpointed: self.checkpointed.up_to,
            purged: stream_first.saturating_sub(1).min(self.checkpointed.up_to),
            requests: settled.total + dead + in_flight + unaccounted_for.len() as u64,
            repeats: self.repeats + self.checkpointed.repeats + self.revived_elsewhere,
            settled,
            dead,
            dead_by_state,
            in_flight,
            unaccounted_for,
            unreadable,
            lost: self.gaps,
            settled_without_message: without_message,
            letters: self.letters,
        }
    }
}

fn of_checkpoints(checkpointed: &store::ledger::Checkpointed) -> Settled {
    let rejected = checkpointed.rejected.clone();
    let (applied, withdrawn) = (checkpointed.applied, checkpointed.withdrawn);
    let total = applied + withdrawn + rejected.values().sum::<u64>();
    Settled { total, applied, rejected, withdrawn }
}

fn total(parts: [Settled; 3]) -> Settled {
    let mut sum = Settled::default();
    for part in parts {
        sum.total += part.total;
        sum.applied += part.applied;
        sum.withdrawn += part.withdrawn;
        for (reason, number) in part.rejected {
            *sum.rejected.entry(reason).or_default() += number;
        }
    }
    sum
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
