//! What became of the rows, counted while it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longer latencies are counted as this long, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// Digits that are kept of a latency.
const DIGITS: u8 = 3;

/// The end of one row, as far as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEnd {
    /// Booked.
    Booked,
    /// Refused, for a reason.
    Refused(String),
    /// A dead letter: the operators have it.
    HeldForReview,
    /// What became of it is not known. The text says why.
    Undecided(String),
}

/// Somebody was faster, or the patient has another visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another patient took the slot between search and booking.
    SlotTaken,
    /// The patient has another visit at that time.
    PatientBusy,
}

/// Counters that all connections share.
#[derive(Debug)]
pub struct Tally(Mutex<Counts>);

/// The counters.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Rows that ended booked.
    pub booked: u64,
    /// Rows that ended refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Rows that ended as a dead letter.
    pub held_for_review: u64,
    /// Rows without a known end, by what is known.
    pub undecided: BTreeMap<String, u64>,
    /// Conflicts on the way.
    pub slots_taken: u64,
    /// Conflicts on the way.
    pub patients_busy: u64,
    /// Rows that an earlier run had asked for.
    pub asked_before: u64,
    /// The furthest that a paced run fell behind its schedule.
    pub behind: Duration,
    search_us: Histogram<u64>,
    booking_us: Histogram<u64>,
}

/// Percentiles of one kind of exchange, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half took at most this long.
    pub p50_ms: f64,
    /// Nine of ten.
    pub p90_ms: f64,
    /// Ninety-nine of a hundred.
    pub p99_ms: f64,
    /// All of them.
    pub max_ms: f64,
}

impl Tally {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        let histogram = || {
            Histogram::new_with_max(LONGEST_US, DIGITS)
                .expect("bounds and digits are constants within what the crate allows")
        };
        Self(Mutex::new(Counts {
            booked: 0,
            refused: BTreeMap::new(),
            held_for_review: 0,
            undecided: BTreeMap::new(),
            slots_taken: 0,
            patients_busy: 0,
            asked_before: 0,
            behind: Duration::ZERO,
            search_us: histogram(),
            booking_us: histogram(),
        }))
    }

    /// A row ended.
    pub fn ended(&self, end: RowEnd) {
        let mut counts = self.counts();
        match end {
            RowEnd::Booked => counts.booked += 1,
            RowEnd::Refused(reason) => *counts.refused.entry(reason).or_default() += 1,
            RowEnd::HeldForReview => counts.held_for_review += 1,
            RowEnd::Undecided(why) => *counts.undecided.entry(why).or_default() += 1,
        }
    }

    /// A booking met a conflict, and goes on.
    pub fn met(&self, conflict: Conflict) {
        match conflict {
            Conflict::SlotTaken => self.counts().slots_taken += 1,
            Conflict::PatientBusy => self.counts().patients_busy += 1,
        }
    }

    /// An earlier run had asked for this row.
    pub fn asked_before(&self) {
        self.counts().asked_before += 1;
    }

    /// A search took this long.
    pub fn searched(&self, took: Duration) {
        self.counts().search_us.saturating_record(microseconds(took));
    }

    /// A booking took this long, from the first time it was sent to its outcome.
    pub fn booking_took(&self, took: Duration) {
        self.counts().booking_us.saturating_record(microseconds(took));
    }

    /// A row was sent this long after it was due.
    pub fn was_behind(&self, by: Duration) {
        let mut counts = self.counts();
        counts.behind = counts.behind.max(by);
    }

    /// What was counted so far.
    pub fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    /// Rows that ended so far: all, booked, conflicts met, undecided.
    pub fn glance(&self) -> Glance {
        let counts = self.counts();
        Glance {
            ended: counts.ended(),
            booked: counts.booked,
            conflicts: counts.slots_taken + counts.patients_busy,
            undecided: counts.undecided.values().sum(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The few numbers that a progress bar shows.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Rows that ended.
    pub ended: u64,
    /// Of those, booked.
    pub booked: u64,
    /// Conflicts met on the way.
    pub conflicts: u64,
    /// Rows that ended without a known outcome.
    pub undecided: u64,
}

impl Counts {
    /// Rows that ended, one way or another.
    pub fn ended(&self) -> u64 {
        self.booked
            + self.refused.values().sum::<u64>()
            + self.held_for_review
            + self.undecided.values().sum::<u64>()
    }

    /// Latency of searches.
    pub fn search_latency(&self) -> Latency {
        Latency::of(&self.search_us)
    }

    /// Latency of bookings.
    pub fn booking_latency(&self) -> Latency {
        Latency::of(&self.booking_us)
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let ms = |us: u64| us as f64 / 1_000.0;
        Self {
            count: histogram.len(),
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p90_ms: ms(histogram.value_at_quantile(0.9)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            max_ms: ms(histogram.max()),
        }
    }
}

fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(LONGEST_US).clamp(1, LONGEST_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let tally = Tally::new();
        for ms in 1..=100 {
            tally.booking_took(Duration::from_millis(ms));
        }
        let latency = tally.so_far().booking_latency();
        assert_eq!(latency.count, 100);
        for (measured, expected) in
            [(latency.p50_ms, 50.0), (latency.p90_ms, 90.0), (latency.p99_ms, 99.0)]
        {
            assert!((measured - expected).abs() <= expected * 0.001 + 0.05, "{measured}");
        }
        assert_eq!(tally.so_far().search_latency(), Latency::default());
    }

    #[test]
    fn a_latency_beyond_measure_is_recorded_as_the_longest() {
        let tally = Tally::new();
        tally.searched(Duration::from_hours(1));
        let max_ms = tally.so_far().search_latency().max_ms;
        assert!((599_000.0..=601_000.0).contains(&max_ms), "{max_ms}");
    }

    #[test]
    fn every_row_ends_in_one_place() {
        let tally = Tally::new();
        tally.ended(RowEnd::Booked);
        tally.ended(RowEnd::Refused("start_in_past".into()));
        tally.ended(RowEnd::Refused("start_in_past".into()));
        tally.ended(RowEnd::HeldForReview);
        tally.ended(RowEnd::Undecided("no answer".into()));
        tally.met(Conflict::SlotTaken);
        let counts = tally.so_far();
        assert_eq!(counts.ended(), 5);
        assert_eq!(counts.refused, BTreeMap::from([("start_in_past".to_owned(), 2)]));
        assert_eq!(tally.glance().conflicts, 1);
    }
}
