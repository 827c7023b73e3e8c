//! What came, from whom, and when. Memory is bounded, whatever comes.

use std::collections::{BTreeMap, VecDeque};

use domain::{MemberId, PayerId};
use serde::{Deserialize, Serialize};

/// The newest arrivals that are kept per payer.
const ARRIVALS_MAX: usize = 10_000;
/// Members that are told apart per payer.
const MEMBERS_MAX: usize = 10_000;

/// Counts of all payers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllCalls {
    /// Milliseconds since the start.
    pub now_ms: u64,
    /// Calls to all payers.
    pub calls: u64,
    /// Requests that could not be read, or had no room: they belong to no payer.
    pub unreadable: u64,
    /// Requests that came where the default redirect points.
    pub followed_redirects: u64,
    /// By payer.
    pub payers: BTreeMap<PayerId, PayerTotals>,
}

/// Counts of one payer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayerTotals {
    /// Calls, counted when they arrive.
    pub calls: u64,
    /// Calls that wait or are being answered.
    pub in_flight: u64,
    /// The most calls there were at once, with those over the limit.
    pub max_in_flight: u64,
    /// Calls whose caller left before the end of the answer.
    pub abandoned: u64,
    /// By what happens to them: `answer`, `reject_75`, `status_503`, `over_limit`, `hang`, …
    pub outcomes: BTreeMap<String, u64>,
}

/// All there is to know of one payer's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayerCalls {
    /// Milliseconds since the start.
    pub now_ms: u64,
    /// The counts.
    #[serde(flatten)]
    pub totals: PayerTotals,
    /// Calls by member id, of the first 10,000 members.
    pub members: BTreeMap<String, u64>,
    /// Calls for members beyond those.
    pub members_beyond: u64,
    /// The newest 10,000 arrivals, oldest first.
    pub arrivals: Vec<Arrival>,
    /// Older ones, which are only counted.
    pub arrivals_dropped: u64,
}

/// One call's arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Milliseconds since the start, on a clock that never goes back.
    pub at_ms: u64,
    /// What happens to it.
    pub outcome: String,
}

/// Counts in the making.
#[derive(Debug, Default)]
pub struct Tally {
    totals: PayerTotals,
    members: BTreeMap<String, u64>,
    members_beyond: u64,
    arrivals: VecDeque<Arrival>,
    arrivals_dropped: u64,
}

impl Tally {
    pub fn in_flight(&self) -> u64 {
        self.totals.in_flight
    }

    /// A call comes; one that doesn't `stay` is refused at once.
    pub fn arrive(&mut self, member: &MemberId, outcome: String, at_ms: u64, stays: bool) {
        let totals = &mut self.totals;
        totals.calls += 1;
        totals.max_in_flight = totals.max_in_flight.max(totals.in_flight + 1);
        totals.in_flight += u64::from(stays);
        *totals.outcomes.entry(outcome.clone()).or_default() += 1;
        self.count_member(member.as_str());
        if self.arrivals.len() == ARRIVALS_MAX {
            self.arrivals.pop_front();
            self.arrivals_dropped += 1;
        }
        self.arrivals.push_back(Arrival { at_ms, outcome });
    }

    /// A call that stayed is over.
    pub fn leave(&mut self, was_abandoned: bool) {
        self.totals.in_flight -= 1;
        self.totals.abandoned += u64::from(was_abandoned);
    }

    /// Everything to nothing, but for the calls that are under way.
    pub fn forget(&mut self) {
        let in_flight = self.totals.in_flight;
        *self = Self::default();
        self.totals.in_flight = in_flight;
        self.totals.max_in_flight = in_flight;
    }

    pub fn totals(&self) -> &PayerTotals {
        &self.totals
    }

    pub fn everything(&self, now_ms: u64) -> PayerCalls {
        PayerCalls {
            now_ms,
            totals: self.totals.clone(),
            members: self.members.clone(),
            members_beyond: self.members_beyond,
            arrivals: self.arrivals.iter().cloned().collect(),
            arrivals_dropped: self.arrivals_dropped,
        }
    }

    fn count_member(&mut self, member: &str) {
        if let Some(count) = self.members.get_mut(member) {
            *count += 1;
        } else if self.members.len() < MEMBERS_MAX {
            self.members.insert(member.to_owned(), 1);
        } else {
            self.members_beyond += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_nothing_goes_uncounted() {
        let mut tally = Tally::default();
        let extra = 5;
        for n in 0..MEMBERS_MAX as u64 + extra {
            let member = format!("M-{n}").parse().unwrap();
            tally.arrive(&member, "answer".to_owned(), n, false);
        }
        let all = tally.everything(0);
        assert_eq!(all.totals.calls, MEMBERS_MAX as u64 + extra);
        assert_eq!((all.members.len(), all.members_beyond), (MEMBERS_MAX, extra));
        assert_eq!((all.arrivals.len(), all.arrivals_dropped), (ARRIVALS_MAX, extra));
        assert_eq!(all.arrivals[0].at_ms, extra, "the oldest are dropped");
    }

    #[test]
    fn calls_under_way_outlive_a_reset_of_the_counts() {
        let mut tally = Tally::default();
        let member = "M-1".parse().unwrap();
        tally.arrive(&member, "hang".to_owned(), 1, true);
        tally.arrive(&member, "over_limit".to_owned(), 2, false);
        assert_eq!((tally.in_flight(), tally.totals().max_in_flight), (1, 2));
        tally.forget();
        assert_eq!((tally.totals().calls, tally.in_flight()), (0, 1));
        tally.leave(true);
        assert_eq!((tally.in_flight(), tally.totals().abandoned), (0, 1));
    }
}
