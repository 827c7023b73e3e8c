//! From the days of the file, which lie in the past, to days that can be booked.
//!
//! All days of a file move by the same whole number of weeks. So a weekday stays what it is, the
//! order and the gaps between days stay what they are, and which day becomes which doesn't
//! depend on the days that a run happens to choose.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;

use super::rows::Row;

/// Days between today and the first mapped day of a new mapping: a long replay must not catch up
/// with the days it books.
const LEAD_DAYS: i64 = 7;

/// Which days of a file become which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    weeks: i32,
}

/// One chosen day and what it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MappedDay {
    /// The day in the file.
    pub visit_day: Date,
    /// The day that is booked.
    pub became: Date,
    /// Rows that ask for it.
    pub rows: usize,
}

/// The days of a whole file that have visits.
#[derive(Clone, Debug)]
pub struct VisitDays(BTreeMap<Date, usize>);

impl VisitDays {
    /// The days that `rows` ask for; none without rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut days = BTreeMap::new();
        for row in rows {
            *days.entry(row.visit_day).or_default() += 1;
        }
        Self(days)
    }

    /// The first day and the last.
    pub fn bounds(&self) -> Option<(Date, Date)> {
        Some((*self.0.keys().next()?, *self.0.keys().next_back()?))
    }

    /// The first `count` days with visits, beginning with `start` or the next that has any.
    pub fn choose(&self, start: Date, count: usize) -> Vec<Date> {
        self.0.range(start..).take(count).map(|(day, _)| *day).collect()
    }

    /// Whole weeks from the first day to the last: how far one round is from the next.
    fn span_weeks(&self) -> i32 {
        self.bounds().map_or(1, |(first, last)| weeks(days_between(first, last) + 1))
    }
}

impl Calendar {
    /// The calendar of a file: `saved_weeks` when the first chosen day still lies in the future
    /// with it, else a new one. Round 1 takes the first days that will do, each further round the
    /// same days one span of the file later.
    pub fn settle(
        saved_weeks: Option<i32>,
        days: &VisitDays,
        chosen: &[Date],
        today: Date,
        round: u32,
    ) -> Self {
        let later = days.span_weeks() * i32::try_from(round.saturating_sub(1)).unwrap_or(i32::MAX);
        let saved = saved_weeks.map(|weeks| Self { weeks: weeks.saturating_add(later) });
        let still_ahead =
            |calendar: &Self| chosen.first().is_none_or(|day| calendar.map(*day) > today);
        saved.filter(still_ahead).unwrap_or_else(|| {
            let first = days.bounds().map_or(today, |(first, _)| first);
            let weeks = weeks(days_between(first, today) + LEAD_DAYS).max(0);
            Self { weeks: weeks + later }
        })
    }

    /// What a later run needs to settle on the same calendar.
    pub fn weeks_of_round_1(self, days: &VisitDays, round: u32) -> i32 {
        let later = days.span_weeks() * i32::try_from(round.saturating_sub(1)).unwrap_or(i32::MAX);
        self.weeks - later
    }

    /// By how many weeks days move.
    pub fn weeks(self) -> i32 {
        self.weeks
    }

    /// The day that `day` becomes.
    pub fn map(self, day: Date) -> Date {
        day.saturating_add(self.weeks.weeks())
    }

    /// What each of the chosen days becomes.
    pub fn table(self, days: &VisitDays, chosen: &[Date]) -> Vec<MappedDay> {
        let mapped = |day: &Date| MappedDay {
            visit_day: *day,
            became: self.map(*day),
            rows: days.0.get(day).copied().unwrap_or(0),
        };
        chosen.iter().map(mapped).collect()
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// Whole weeks that hold `days` days.
fn weeks(days: i64) -> i32 {
    i32::try_from(days.div_euclid(7) + i64::from(days.rem_euclid(7) > 0)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 11, 22);

    fn visits(days: &[Date]) -> VisitDays {
        let row = |day: &Date| Row {
            line: 2,
            requested_at: Timestamp::UNIX_EPOCH,
            visit_day: *day,
            patient: 1,
            clinic: 1,
            age: 1,
        };
        VisitDays::of(&days.iter().map(row).collect::<Vec<_>>())
    }

    fn may_2016() -> VisitDays {
        visits(&[date(2016, 4, 29), date(2016, 5, 2), date(2016, 5, 14), date(2016, 6, 8)])
    }

    #[test]
    fn chooses_days_that_have_visits() {
        let days = may_2016();
        assert_eq!(
            days.choose(date(2016, 5, 3), 2),
            [date(2016, 5, 14), date(2016, 6, 8)],
            "the day itself has no visits"
        );
        assert_eq!(days.choose(date(2016, 6, 9), 2), []);
    }

    #[test]
    fn keeps_weekdays_order_and_gaps_and_lies_in_the_future() {
        let days = may_2016();
        let all = days.choose(date(2016, 1, 1), 9);
        let calendar = Calendar::settle(None, &days, &all, TODAY, 1);
        let mapped: Vec<Date> = all.iter().map(|day| calendar.map(*day)).collect();
        for (from, to) in all.iter().zip(&mapped) {
            assert_eq!(from.weekday(), to.weekday());
            assert!(*to > TODAY);
        }
        for (from, to) in all.windows(2).zip(mapped.windows(2)) {
            assert_eq!(days_between(from[0], from[1]), days_between(to[0], to[1]));
        }
        let lead = days_between(TODAY, mapped[0]);
        assert!((LEAD_DAYS..LEAD_DAYS + 7).contains(&lead), "{lead} days ahead");
    }

    #[test]
    fn does_not_depend_on_the_chosen_days() {
        let days = may_2016();
        let one = Calendar::settle(None, &days, &[date(2016, 4, 29)], TODAY, 1);
        let other = Calendar::settle(None, &days, &[date(2016, 6, 8)], TODAY, 1);
        assert_eq!(one, other);
    }

    #[test]
    fn keeps_the_mapping_until_the_chosen_days_are_past() {
        let days = may_2016();
        let first = Calendar::settle(None, &days, &[date(2016, 6, 8)], TODAY, 1);
        let saved = Some(first.weeks_of_round_1(&days, 1));

        let three_weeks_later = TODAY.saturating_add(3.weeks());
        let june = Calendar::settle(saved, &days, &[date(2016, 6, 8)], three_weeks_later, 1);
        assert_eq!(june, first);
        let april = Calendar::settle(saved, &days, &[date(2016, 4, 29)], three_weeks_later, 1);
        assert!(april.map(date(2016, 4, 29)) > three_weeks_later);
    }

    #[test]
    fn rounds_share_no_day() {
        let days = may_2016();
        let chosen = [date(2016, 4, 29)];
        let first = Calendar::settle(None, &days, &chosen, TODAY, 1);
        let second = Calendar::settle(None, &days, &chosen, TODAY, 2);
        assert!(second.map(date(2016, 4, 29)) > first.map(date(2016, 6, 8)));
        let saved = Some(second.weeks_of_round_1(&days, 2));
        assert_eq!(saved, Some(first.weeks()));
        assert_eq!(Calendar::settle(saved, &days, &chosen, TODAY, 2), second);
    }

    #[test]
    fn leaves_a_file_of_the_future_where_it_is() {
        let days = visits(&[date(2030, 1, 7)]);
        let calendar = Calendar::settle(None, &days, &[date(2030, 1, 7)], TODAY, 1);
        assert_eq!(calendar.weeks(), 0);
    }
}
