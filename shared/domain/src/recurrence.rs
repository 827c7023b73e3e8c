//! Visits that come again every week, or every few.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use crate::RequestedStart;

/// How often something comes again: every 1 to 26 weeks, 2 to 52 times in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    every_weeks: u8,
    count: u8,
}

/// Nothing comes again so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecurrence {
    /// Weeks between two visits.
    #[error("expected 1 to 26 weeks")]
    EveryWeeks,
    /// Visits in all.
    #[error("expected 2 to 52 visits")]
    Count,
}

impl Recurrence {
    /// Every so many weeks, so many times in all.
    pub fn new(every_weeks: u8, count: u8) -> Result<Self, InvalidRecurrence> {
        if !(1..=26).contains(&every_weeks) {
            return Err(InvalidRecurrence::EveryWeeks);
        }
        if !(2..=52).contains(&count) {
            return Err(InvalidRecurrence::Count);
        }
        Ok(Self { every_weeks, count })
    }

    /// When each of the visits begins: all at the same time of the wall clock of `zone`, whatever
    /// the clocks do in between. The first is `first` itself. Ends before the calendar does.
    pub fn starts(self, first: Timestamp, zone: &TimeZone) -> Vec<RequestedStart> {
        let wall = first.to_zoned(zone.clone()).datetime();
        let later = (1..i64::from(self.count)).map_while(|index| {
            let weeks: Span = (index * i64::from(self.every_weeks)).weeks();
            Some(RequestedStart::Wall(wall.checked_add(weeks).ok()?, zone.clone()))
        });
        std::iter::once(RequestedStart::Instant(first)).chain(later).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_keeps_its_time_of_the_wall_clock() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // The clocks go forward on 28 March 2027.
        let first = "2027-03-15T09:00:00+01:00".parse().unwrap();
        let starts = Recurrence::new(2, 3).unwrap().starts(first, &berlin);
        let instants: Vec<_> =
            starts.iter().map(|start| start.resolve().unwrap().to_string()).collect();
        let expected = ["2027-03-15T08:00:00Z", "2027-03-29T07:00:00Z", "2027-04-12T07:00:00Z"];
        assert_eq!(instants, expected);
    }

    #[test]
    fn a_date_whose_time_the_clocks_skip_is_told() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let first = "2027-03-21T02:30:00+01:00".parse().unwrap();
        let starts = Recurrence::new(1, 2).unwrap().starts(first, &berlin);
        assert_eq!(starts[1].resolve(), Err(crate::start::Unresolvable::Gap));
    }

    #[test]
    fn has_bounds() {
        assert_eq!(Recurrence::new(0, 2), Err(InvalidRecurrence::EveryWeeks));
        assert_eq!(Recurrence::new(27, 2), Err(InvalidRecurrence::EveryWeeks));
        assert_eq!(Recurrence::new(1, 1), Err(InvalidRecurrence::Count));
        assert_eq!(Recurrence::new(1, 53), Err(InvalidRecurrence::Count));
        let far = "9999-12-01T00:00:00Z".parse().unwrap();
        assert!(Recurrence::new(1, 52).unwrap().starts(far, &TimeZone::UTC).len() < 52);
    }
}
