//! The rows that are to be booked, out of a file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use jiff::civil::Date;

use super::accounts;
use super::days::{Calendar, MappedDay, VisitDays};
use super::report::FileSummary;
use super::rows::{self, Requests, Row};
use crate::exit::UsageError;

/// A file, and the days of it that were chosen.
#[derive(Debug)]
pub struct Selection {
    file_name: String,
    requests: Requests,
    days: VisitDays,
    chosen_days: Vec<Date>,
    /// The rows of the chosen days, by the time of the request.
    pub rows: Vec<Row>,
}

impl Selection {
    /// Reads `file` and chooses `count` days that have visits, beginning with `start`.
    pub fn read(file: &Path, start: Option<Date>, count: usize) -> anyhow::Result<Self> {
        let requests = rows::read(file)?;
        let days = VisitDays::of(&requests.rows);
        let (first, last) = days.bounds().context("the file has no row that can be read")?;
        let start = start.unwrap_or(first);
        if !(first..=last).contains(&start) {
            let outside = format!("--day {start}: the days of this file go from {first} to {last}");
            return Err(UsageError(outside).into());
        }
        let chosen_days = days.choose(start, count);
        let is_chosen = |row: &&Row| chosen_days.binary_search(&row.visit_day).is_ok();
        let rows = requests.rows.iter().filter(is_chosen).cloned().collect();
        let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file_name, requests, days, chosen_days, rows })
    }

    /// Names the file's content.
    pub fn fingerprint(&self) -> &str {
        &self.requests.fingerprint
    }

    /// How many days were chosen.
    pub fn day_count(&self) -> usize {
        self.chosen_days.len()
    }

    /// Which days become which, and what a later run needs to settle on the same.
    pub fn calendar(&self, saved_weeks: Option<i32>, today: Date, round: u32) -> (Calendar, i32) {
        let calendar = Calendar::settle(saved_weeks, &self.days, &self.chosen_days, today, round);
        (calendar, calendar.weeks_of_round_1(&self.days, round))
    }

    /// What each chosen day becomes.
    pub fn mapped_days(&self, calendar: Calendar) -> Vec<MappedDay> {
        calendar.table(&self.days, &self.chosen_days)
    }

    /// What is about to happen, in a few lines.
    pub fn announcement(&self, calendar: Calendar) -> String {
        let mut text = format!("{}: {} rows to book", self.file_name, self.rows.len());
        for MappedDay { visit_day, became, rows } in self.mapped_days(calendar) {
            let weekday = became.strftime("%a");
            let _ = write!(text, "\n  {weekday} {visit_day} becomes {became}, {rows} rows");
        }
        text
    }

    /// The file in numbers.
    pub fn summary(&self) -> FileSummary {
        let count = |is: fn(&Row) -> bool| self.rows.iter().filter(|row| is(row)).count();
        FileSummary {
            name: self.file_name.clone(),
            rows: self.requests.rows.len(),
            bad_rows: self.requests.bad_rows.clone(),
            dirty_ages: count(|row| accounts::is_dirty(row.age)),
            visits_before_request: count(Row::asks_for_the_past),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample;
    use super::*;

    fn select(start: Option<Date>, count: usize) -> anyhow::Result<Selection> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sample.csv");
        std::fs::write(&file, sample::content()).unwrap();
        Selection::read(&file, start, count)
    }

    #[test]
    fn takes_the_rows_of_the_chosen_days_in_their_order() {
        let selection = select(Some(date(2001, 3, 3)), 1).unwrap();
        assert_eq!(selection.rows.len(), 60);
        assert!(selection.rows.iter().all(|row| row.visit_day == date(2001, 3, 5)));
        assert!(selection.rows.is_sorted_by_key(|row| row.requested_at));
        assert_eq!(select(None, 9).unwrap().day_count(), 3);
    }

    #[test]
    fn says_which_days_there_are() {
        for day in [date(1999, 1, 1), date(2002, 1, 1)] {
            let error = select(Some(day), 1).unwrap_err().to_string();
            let days = "the days of this file go from 2001-03-01 to 2001-03-05";
            assert_eq!(error, format!("--day {day}: {days}"));
        }
    }

    #[test]
    fn says_which_day_becomes_which() {
        let selection = select(None, 2).unwrap();
        let (calendar, _) = selection.calendar(Some(1_344), date(2026, 11, 22), 1);
        assert_eq!(
            selection.announcement(calendar),
            "sample.csv: 120 rows to book\n  \
             Thu 2001-03-01 becomes 2026-12-03, 60 rows\n  \
             Fri 2001-03-02 becomes 2026-12-04, 60 rows"
        );
    }
}
