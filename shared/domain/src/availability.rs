//! When a practitioner can be booked: weekly hours on a wall clock, cut into slots.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::start::{RequestedStart, Unresolvable};

/// How long one slot lasts, in minutes: 5 to 240, a multiple of 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct SlotLength(i16);

impl SlotLength {
    /// Minutes.
    pub const fn minutes(self) -> i16 {
        self.0
    }

    fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
}

impl TryFrom<i16> for SlotLength {
    type Error = InvalidAvailability;

    fn try_from(minutes: i16) -> Result<Self, Self::Error> {
        let valid = (5..=240).contains(&minutes) && minutes % 5 == 0;
        if valid { Ok(Self(minutes)) } else { Err(InvalidAvailability::SlotLength) }
    }
}

impl From<SlotLength> for i16 {
    fn from(length: SlotLength) -> Self {
        length.0
    }
}

/// Open from `start` until `end` on one day of the week, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningHours {
    /// The day, by the practitioner's wall clock.
    pub weekday: Weekday,
    /// The first slot begins here.
    pub start: Time,
    /// No slot ends after this.
    pub end: Time,
}

/// A practitioner's week: opening hours in one zone, cut into slots of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Availability {
    zone: TimeZone,
    zone_name: String,
    slot_length: SlotLength,
    hours: Vec<OpeningHours>,
}

/// Why a week is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAvailability {
    /// The zone is not in the IANA database.
    #[error("unknown time zone: expected an IANA name like America/Sao_Paulo")]
    Zone,
    /// Slots of that length aren't offered.
    #[error("a slot lasts 5 to 240 minutes, in steps of 5")]
    SlotLength,
    /// Opening hours too short for a single slot, or ending before they begin.
    #[error("opening hours must end at least one slot after they begin, on the same day")]
    TooShort,
    /// Two opening hours of a day overlap.
    #[error("opening hours of the same day overlap")]
    Overlap,
    /// More entries than a week can sensibly have.
    #[error("at most 50 opening hours a week")]
    TooMany,
}

/// Why a start can't be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOffered {
    /// The clocks skip this time.
    InGap,
    /// The clocks show this time twice and no offset says which is meant.
    Ambiguous,
    /// The practitioner doesn't work then.
    OutsideHours,
    /// Within opening hours, but between the beginnings of two slots.
    OffGrid,
}

/// A bookable time: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When it begins.
    pub start: Timestamp,
    /// When the next may begin.
    pub end: Timestamp,
}

impl Availability {
    /// A week from its parts. No hours at all means: not bookable.
    pub fn new(
        zone_name: &str,
        slot_length: SlotLength,
        mut hours: Vec<OpeningHours>,
    ) -> Result<Self, InvalidAvailability> {
        if hours.len() > 50 {
            return Err(InvalidAvailability::TooMany);
        }
        let zone = TimeZone::get(zone_name).map_err(|_| InvalidAvailability::Zone)?;
        // The database's own spelling, so that one zone has one name.
        let zone_name = zone.iana_name().ok_or(InvalidAvailability::Zone)?.to_owned();
        hours.sort_by_key(|hours| (hours.weekday.to_monday_zero_offset(), hours.start));
        if hours.iter().any(|hours| hours.start.duration_until(hours.end) < slot_length.duration())
        {
            return Err(InvalidAvailability::TooShort);
        }
        let overlap = |pair: &[OpeningHours]| {
            pair[0].weekday == pair[1].weekday && pair[1].start < pair[0].end
        };
        if hours.windows(2).any(overlap) {
            return Err(InvalidAvailability::Overlap);
        }
        Ok(Self { zone, zone_name, slot_length, hours })
    }

    /// The IANA name of the zone whose wall clock the hours follow.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// How long a slot lasts.
    pub fn slot_length(&self) -> SlotLength {
        self.slot_length
    }

    /// The opening hours, by day and time.
    pub fn hours(&self) -> &[OpeningHours] {
        &self.hours
    }

    /// Every slot that begins at or after `from` and before `to`, in order.
    pub fn slots_between(&self, from: Timestamp, to: Timestamp) -> Vec<Slot> {
        let first_day = from.to_zoned(self.zone.clone()).date();
        let last_day = to.to_zoned(self.zone.clone()).date();
        let mut slots: Vec<Slot> = first_day
            .series(1.day())
            .take_while(|day| *day <= last_day)
            .flat_map(|day| self.slots_on(day))
            .filter(|slot| slot.start >= from && slot.start < to)
            .collect();
        // On a day on which the clocks change, the wall's order may not be time's order.
        slots.sort();
        slots
    }

    /// The slot that begins at `start`, or why there is none.
    pub fn slot_at(&self, start: &RequestedStart) -> Result<Slot, NotOffered> {
        let start = start.resolve().map_err(|unresolvable| match unresolvable {
            Unresolvable::Gap => NotOffered::InGap,
            Unresolvable::Fold => NotOffered::Ambiguous,
        })?;
        let wall = start.to_zoned(self.zone.clone()).datetime();
        let open = |hours: &&OpeningHours| {
            hours.weekday == wall.weekday() && (hours.start..hours.end).contains(&wall.time())
        };
        self.hours.iter().find(open).ok_or(NotOffered::OutsideHours)?;
        self.slots_on(wall.date()).find(|slot| slot.start == start).ok_or(NotOffered::OffGrid)
    }

    /// The slots of one day of the wall clock. A slot whose time the clocks skip isn't offered;
    /// one whose time they show twice is offered the first time only.
    fn slots_on(&self, day: Date) -> impl Iterator<Item = Slot> {
        let length = self.slot_length.duration();
        self.hours.iter().filter(move |hours| hours.weekday == day.weekday()).flat_map(
            move |hours| {
                let open = hours.start.duration_until(hours.end);
                let count = open.as_secs() / length.as_secs();
                (0..count).filter_map(move |index| {
                    let wall = day.to_datetime(hours.start).checked_add(length * index as i32);
                    let start = self.first_instant(wall.ok()?)?;
                    Some(Slot { start, end: start.checked_add(length).ok()? })
                })
            },
        )
    }

    fn first_instant(&self, wall: jiff::civil::DateTime) -> Option<Timestamp> {
        let offset = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } => return None,
        };
        offset.to_timestamp(wall).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    fn week(zone: &str, minutes: i16, hours: &[(Weekday, Time, Time)]) -> Availability {
        let hours = hours.iter().map(|&(weekday, start, end)| OpeningHours { weekday, start, end });
        Availability::new(zone, minutes.try_into().unwrap(), hours.collect()).unwrap()
    }

    fn at(text: &str) -> RequestedStart {
        RequestedStart::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn cuts_a_morning_into_slots() {
        let monday = (Weekday::Monday, time(9, 0, 0, 0), time(10, 10, 0, 0));
        let week = week("America/Sao_Paulo", 30, &[monday]);
        let slots = week.slots_between(
            "2027-03-01T00:00:00Z".parse().unwrap(),
            "2027-03-08T00:00:00Z".parse().unwrap(),
        );
        let starts: Vec<_> = slots.iter().map(|slot| slot.start.to_string()).collect();
        assert_eq!(starts, ["2027-03-01T12:00:00Z", "2027-03-01T12:30:00Z"]);
    }

    #[test]
    fn every_slot_that_is_found_can_be_booked() {
        let days = [Weekday::Saturday, Weekday::Sunday, Weekday::Monday];
        let hours = days.map(|day| (day, time(0, 0, 0, 0), time(23, 59, 0, 0)));
        for zone in ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"] {
            let week = week(zone, 25, &hours);
            let year = week.slots_between(
                "2027-01-01T00:00:00Z".parse().unwrap(),
                "2028-01-01T00:00:00Z".parse().unwrap(),
            );
            assert!(year.len() > 5000);
            for slot in year {
                assert_eq!(week.slot_at(&RequestedStart::Instant(slot.start)), Ok(slot), "{zone}");
            }
        }
    }

    #[test]
    fn no_slot_begins_while_the_clocks_skip() {
        let sunday = (Weekday::Sunday, time(1, 0, 0, 0), time(4, 0, 0, 0));
        let week = week("America/New_York", 30, &[sunday]);
        let slots = week.slots_between(
            "2027-03-14T00:00:00Z".parse().unwrap(),
            "2027-03-15T00:00:00Z".parse().unwrap(),
        );
        // 01:00 and 01:30 EST, then 03:00 and 03:30 EDT.
        assert_eq!(slots.len(), 4);
        assert!(slots.is_sorted());
        assert_eq!(
            week.slot_at(&at("2027-03-14T02:30:00[America/New_York]")),
            Err(NotOffered::InGap)
        );
    }

    #[test]
    fn says_why_a_start_is_not_offered() {
        let monday = (Weekday::Monday, time(9, 0, 0, 0), time(12, 0, 0, 0));
        let week = week("Europe/Berlin", 30, &[monday]);
        assert_eq!(week.slot_at(&at("2027-03-01T08:10:00Z")), Err(NotOffered::OffGrid));
        assert_eq!(week.slot_at(&at("2027-03-01T11:00:00Z")), Err(NotOffered::OutsideHours));
        assert_eq!(week.slot_at(&at("2027-03-02T08:30:00Z")), Err(NotOffered::OutsideHours));
        assert!(week.slot_at(&at("2027-03-01T08:30:00Z")).is_ok());
    }

    #[test]
    fn refuses_a_week_that_makes_no_sense() {
        let hours = |start: i8, end: i8| OpeningHours {
            weekday: Weekday::Monday,
            start: time(start, 0, 0, 0),
            end: time(end, 0, 0, 0),
        };
        let new = |hours| Availability::new("Europe/Berlin", SlotLength(30), hours);
        assert_eq!(new(vec![hours(12, 9)]), Err(InvalidAvailability::TooShort));
        assert_eq!(new(vec![hours(9, 12), hours(11, 13)]), Err(InvalidAvailability::Overlap));
        assert_eq!(new(vec![hours(9, 12); 51]), Err(InvalidAvailability::TooMany));
        let zone = Availability::new("Mars/Olympus", SlotLength(30), vec![]);
        assert_eq!(zone, Err(InvalidAvailability::Zone));
        assert_eq!(SlotLength::try_from(7), Err(InvalidAvailability::SlotLength));
    }
}
