//! What was met on the way: the part of a run that a fault leaves its marks on.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counters that all connections share.
#[derive(Debug, Default)]
pub struct Encounters {
    unknown_outcomes: AtomicU64,
    unreachable: AtomicU64,
    throttled: AtomicU64,
    repeats: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncountersSoFar {
    /// Bookings whose answer was lost, late, or "I don't know" (5xx): asked again under the same
    /// key.
    pub unknown_outcomes: u64,
    /// Times nobody could be connected to.
    pub unreachable: u64,
    /// Answers of 429.
    pub throttled: u64,
    /// Questions that were asked again, for whichever of these reasons.
    pub repeats: u64,
}

impl Encounters {
    pub(super) fn unknown_outcome(&self) {
        self.unknown_outcomes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unreachable(&self) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated(&self) {
        self.repeats.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn so_far(&self) -> EncountersSoFar {
        EncountersSoFar {
            unknown_outcomes: self.unknown_outcomes.load(Ordering::Relaxed),
            unreachable: self.unreachable.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            repeats: self.repeats.load(Ordering::Relaxed),
        }
    }
}
