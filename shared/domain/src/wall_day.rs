//! One date of a wall clock, as instants: where the clocks skip, repeat or just go on.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A date of a zone's wall clock. Times of day are durations since the hand stood at 00:00, up to
/// 24:00, as a dial counts them, whatever the clocks do.
#[derive(Clone, Debug)]
pub struct WallDay {
    date: Date,
    zone: TimeZone,
    /// When it begins, of a day on which the clocks don't change: that is nearly every day, and
    /// arithmetic is much faster than asking the zone.
    plain_midnight: Option<Timestamp>,
}

impl WallDay {
    /// That date of that zone.
    pub fn new(zone: &TimeZone, date: Date) -> Self {
        Self { date, zone: zone.clone(), plain_midnight: plain_midnight(zone, date) }
    }

    /// The date.
    pub const fn date(&self) -> Date {
        self.date
    }

    /// The first moment at which the clocks show this time or, where they skip it, a later one.
    /// Grows with the time of day, so hours that don't overlap on the wall don't in time.
    pub fn first_at(&self, time_of_day: SignedDuration) -> Option<Timestamp> {
        if let Some(midnight) = self.plain_midnight {
            return midnight.checked_add(time_of_day).ok();
        }
        let wall = self.date.at(0, 0, 0, 0).checked_add(time_of_day).ok()?;
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
            AmbiguousOffset::Gap { before, .. } => {
                // As the clocks counted before it, the skip began at or before this moment.
                let within = before.to_timestamp(wall).ok()?;
                let behind = within.checked_add(SignedDuration::from_nanos(1)).ok()?;
                Some(self.zone.preceding(behind).next()?.timestamp())
            }
        }
    }

    /// Every moment at which the clocks show this time: none where they skip it, two where they
    /// show it twice.
    pub fn all_at(&self, time_of_day: SignedDuration) -> impl Iterator<Item = Timestamp> {
        let [one, other] = self.moments(time_of_day);
        one.into_iter().chain(other)
    }

    /// What the clocks show at that moment; less than nothing while they are set back to the day
    /// before.
    pub fn time_at(&self, moment: Timestamp) -> SignedDuration {
        if let Some(midnight) = self.plain_midnight {
            return midnight.duration_until(moment);
        }
        let wall = self.zone.to_datetime(moment);
        self.date.at(0, 0, 0, 0).duration_until(wall)
    }

    fn moments(&self, time_of_day: SignedDuration) -> [Option<Timestamp>; 2] {
        if let Some(midnight) = self.plain_midnight {
            return [midnight.checked_add(time_of_day).ok(), None];
        }
        let Ok(wall) = self.date.at(0, 0, 0, 0).checked_add(time_of_day) else {
            return [None, None];
        };
        let at = |offset: Offset| offset.to_timestamp(wall).ok();
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
            AmbiguousOffset::Fold { before, after } => [at(before), at(after)],
            AmbiguousOffset::Gap { .. } => [None, None],
        }
    }
}

fn plain_midnight(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    let midnight = date.at(0, 0, 0, 0);
    let AmbiguousOffset::Unambiguous { offset } = zone.to_ambiguous_timestamp(midnight).offset()
    else {
        return None;
    };
    let begins = offset.to_timestamp(midnight).ok()?;
    let ends = begins.checked_add(DAY).ok()?;
    // One at midnight itself may repeat the last hour of the day.
    let changes = zone.following(begins).next().is_some_and(|change| change.timestamp() <= ends);
    (!changes).then_some(begins)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn day(zone: &str, year: i16, month: i8, day: i8) -> WallDay {
        WallDay::new(&TimeZone::get(zone).unwrap(), date(year, month, day))
    }

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    fn first(day: &WallDay, time: SignedDuration) -> String {
        day.first_at(time).unwrap().to_string()
    }

    #[test]
    fn a_time_that_is_skipped_is_never_shown_and_begins_with_the_skip() {
        let day = day("America/New_York", 2027, 3, 14);
        assert_eq!(day.all_at(hours(2)).count(), 0);
        let half_past = hours(2) + SignedDuration::from_mins(30);
        for time in [hours(2), half_past, hours(3)] {
            assert_eq!(first(&day, time), "2027-03-14T07:00:00Z", "{time:?}");
        }
        assert_eq!(first(&day, hours(24)), "2027-03-15T04:00:00Z");
    }

    #[test]
    fn a_time_that_is_repeated_is_shown_twice_and_begins_with_the_first() {
        let day = day("America/New_York", 2027, 11, 7);
        let shown: Vec<String> = day.all_at(hours(1)).map(|at| at.to_string()).collect();
        assert_eq!(shown, ["2027-11-07T05:00:00Z", "2027-11-07T06:00:00Z"]);
        assert_eq!(first(&day, hours(1)), shown[0]);
        assert_eq!(first(&day, hours(2)), "2027-11-07T07:00:00Z");
    }

    #[test]
    fn a_day_may_begin_or_end_with_a_change() {
        // Chile skips the first hour of a Sunday in September, and repeats the last hour of a
        // Saturday in April.
        let short = day("America/Santiago", 2027, 9, 5);
        assert_eq!(first(&short, hours(0)), first(&short, hours(1)));
        let long = day("America/Santiago", 2027, 4, 3);
        assert_eq!(long.all_at(hours(23)).count(), 2);
        let last_hour = long.first_at(hours(23)).unwrap();
        assert_eq!(last_hour.duration_until(long.first_at(hours(24)).unwrap()), hours(2));
    }
}
