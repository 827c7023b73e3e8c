//! Which of the free slots a patient takes.

use std::collections::VecDeque;

use domain::PractitionerId;
use jiff::Timestamp;
use serde::Deserialize;

/// How many slots are tried before searching again: by then the others were faster, and what was
/// found is old.
const TRIES_PER_SEARCH: usize = 5;

/// Multiplying by it scatters consecutive numbers evenly (2⁶⁴ divided by the golden ratio).
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A slot that was free when it was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct FreeSlot {
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// When.
    pub start: Timestamp,
}

/// The slots that a patient would take, best first, and the times that they can't.
#[derive(Debug)]
pub struct Choice {
    patient: u32,
    found: VecDeque<FreeSlot>,
    tries_left: usize,
    busy_at: Vec<Timestamp>,
}

impl Choice {
    /// Nothing has been searched yet.
    pub fn of(patient: u32) -> Self {
        Self { patient, found: VecDeque::new(), tries_left: 0, busy_at: Vec::new() }
    }

    /// Takes what a search found. Each patient begins at a place of their own, so that patients
    /// who ask at the same time don't all want the first slot. Says whether there is anything to
    /// try among it.
    pub fn take_found(&mut self, mut slots: Vec<FreeSlot>) -> bool {
        slots.retain(|slot| !self.busy_at.contains(&slot.start));
        if !slots.is_empty() {
            let place = spread(self.patient, slots.len());
            slots.rotate_left(place);
        }
        self.found = slots.into();
        self.tries_left = TRIES_PER_SEARCH;
        !self.found.is_empty()
    }

    /// The next slot to try; none when it is time to search (again).
    pub fn next(&mut self) -> Option<FreeSlot> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        self.found.pop_front()
    }

    /// The patient has another visit then.
    pub fn is_busy_at(&mut self, start: Timestamp) {
        self.busy_at.push(start);
        self.found.retain(|slot| slot.start != start);
    }
}

fn spread(patient: u32, places: usize) -> usize {
    let scattered = u64::from(patient).wrapping_mul(SCATTER) >> 32;
    scattered as usize % places
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::UserId;
    use jiff::ToSpan as _;

    use super::*;

    fn slots(count: i64) -> Vec<FreeSlot> {
        let first: Timestamp = "2026-12-01T11:00:00Z".parse().unwrap();
        let practitioner_id = UserId::generate().into();
        (0..count)
            .map(|i| FreeSlot { practitioner_id, start: first + (15 * i).minutes() })
            .collect()
    }

    fn first_choice(patient: u32, slots: &[FreeSlot]) -> FreeSlot {
        let mut choice = Choice::of(patient);
        assert!(choice.take_found(slots.to_vec()));
        choice.next().unwrap()
    }

    #[test]
    fn patients_begin_at_different_slots_and_always_at_the_same() {
        let slots = slots(40);
        let choose = |patient| first_choice(patient, &slots).start;
        let starts: HashSet<_> = (1..=40).map(choose).collect();
        assert!(starts.len() > 20, "{} different starts", starts.len());
        assert_eq!(choose(7), choose(7));
    }

    #[test]
    fn searches_again_after_a_few_tries() {
        let mut choice = Choice::of(1);
        assert_eq!(choice.next(), None);
        choice.take_found(slots(40));
        assert_eq!(std::iter::from_fn(|| choice.next()).count(), TRIES_PER_SEARCH);
        choice.take_found(slots(2));
        assert_eq!(std::iter::from_fn(|| choice.next()).count(), 2);
    }

    #[test]
    fn never_asks_again_for_a_time_at_which_the_patient_is_busy() {
        let slots = slots(3);
        let mut choice = Choice::of(1);
        choice.take_found(slots.clone());
        let refused = choice.next().unwrap();
        choice.is_busy_at(refused.start);
        assert!(std::iter::from_fn(|| choice.next()).all(|slot| slot.start != refused.start));
        assert!(!choice.take_found(vec![refused]));
    }
}
