//! Free slots: opening hours without busy times, of several practitioners, earliest first.

use domain::{PractitionerId, Slot};
use jiff::{SignedDuration, Timestamp};
use store::reading::Calendar;

/// Slots are made a day at a time, so that a search for the next free ones doesn't make a
/// month's.
const STEP: SignedDuration = SignedDuration::from_hours(24);

/// A slot of a practitioner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedSlot {
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// When.
    pub slot: Slot,
}

/// The first `limit` free slots that begin at or after `from` and before `to`.
pub fn free(
    calendars: &[Calendar],
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Vec<OfferedSlot> {
    let mut offered = Vec::new();
    let mut begin = from;
    while begin < to && offered.len() < limit {
        let end = to.min(begin.saturating_add(STEP).unwrap_or(to));
        let known = offered.len();
        for calendar in calendars {
            let slots = calendar.availability.slots_between(begin, end).into_iter();
            let practitioner_id = calendar.practitioner_id;
            offered.extend(
                slots
                    .filter(|slot| is_free(slot, &calendar.busy))
                    .map(|slot| OfferedSlot { practitioner_id, slot }),
            );
        }
        offered[known..].sort_unstable_by_key(|offer| (offer.slot.start, offer.practitioner_id));
        begin = end;
    }
    offered.truncate(limit);
    offered
}

/// Whether the slot meets no busy time; those are in order and don't overlap.
fn is_free(slot: &Slot, busy: &[Slot]) -> bool {
    let first_that_ends_later = busy.partition_point(|busy| busy.end <= slot.start);
    busy.get(first_that_ends_later).is_none_or(|busy| busy.start >= slot.end)
}

#[cfg(test)]
mod tests {
    use domain::{Availability, OpeningHours, SlotLength};
    use jiff::civil::{Weekday, time};
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn calendar(id: u128, busy: &[(&str, &str)]) -> Calendar {
        let days = [Weekday::Monday, Weekday::Tuesday];
        let hours = days.map(|weekday| OpeningHours {
            weekday,
            start: time(9, 0, 0, 0),
            end: time(11, 0, 0, 0),
        });
        let length = SlotLength::try_from(30).unwrap();
        Calendar {
            practitioner_id: Uuid::from_u128(id).into(),
            availability: Availability::new("Europe/Berlin", length, hours.into()).unwrap(),
            busy: busy.iter().map(|(start, end)| Slot { start: at(start), end: at(end) }).collect(),
        }
    }

    fn starts(calendars: &[Calendar], limit: usize) -> Vec<String> {
        let (from, to) = (at("2027-03-01T00:00:00Z"), at("2027-03-08T00:00:00Z"));
        let offered = free(calendars, from, to, limit);
        offered.iter().map(|offer| offer.slot.start.to_string()).collect()
    }

    #[test]
    fn leaves_out_what_is_busy_even_in_part() {
        let busy = [
            ("2027-03-01T08:15:00Z", "2027-03-01T08:45:00Z"),
            ("2027-03-01T09:30:00Z", "2027-03-01T10:00:00Z"),
            ("2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z"),
        ];
        assert_eq!(starts(&[calendar(1, &busy)], 9), ["2027-03-01T09:00:00Z"]);
    }

    #[test]
    fn merges_several_practitioners_earliest_first_up_to_the_limit() {
        let busy = [("2027-03-01T08:00:00Z", "2027-03-01T09:00:00Z")];
        let calendars = [calendar(2, &[]), calendar(1, &busy)];
        let (from, to) = (at("2027-03-01T08:30:00Z"), at("2027-03-03T00:00:00Z"));
        let offered = free(&calendars, from, to, 4);
        let seen: Vec<_> = offered
            .iter()
            .map(|offer| (offer.practitioner_id.as_uuid().as_u128(), offer.slot.start.to_string()))
            .collect();
        let expected = [
            (2, "2027-03-01T08:30:00Z"),
            (1, "2027-03-01T09:00:00Z"),
            (2, "2027-03-01T09:00:00Z"),
            (1, "2027-03-01T09:30:00Z"),
        ];
        assert_eq!(seen, expected.map(|(id, start)| (id, start.to_owned())));
    }

    #[test]
    fn goes_on_to_the_next_day_and_stops_at_the_end() {
        assert_eq!(starts(&[calendar(1, &[])], 100).len(), 8);
        assert_eq!(starts(&[], 100).len(), 0);
    }
}
