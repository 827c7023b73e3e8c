//! The end of a run, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::days::MappedDay;
use super::prepare::PreparedSummary;
use super::rows::BadRow;
use super::tally::{Counts, Latency};
use crate::client::http::EncountersSoFar;

/// Bad rows that are named to people; scripts get all of them.
const BAD_ROWS_SHOWN: usize = 10;

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The server.
    pub url: String,
    /// The file and what is in it.
    pub file: FileSummary,
    /// Which day became which.
    pub days: Vec<MappedDay>,
    /// By how many weeks the days moved.
    pub weeks: i32,
    /// Doctors and patients.
    pub prepared: PreparedSummary,
    /// Connections.
    pub connections: usize,
    /// The rows' ends.
    pub rows: RowsSummary,
    /// Conflicts met on the way to those ends.
    pub conflicts: ConflictsSummary,
    /// What else was met on the way.
    pub encounters: EncountersSoFar,
    /// How long the bookings took altogether.
    pub elapsed_s: f64,
    /// Rows that ended booked, per second.
    pub bookings_per_s: f64,
    /// The furthest that a paced run fell behind its schedule.
    pub behind_s: f64,
    /// From asking to the answer of a search.
    pub search: Latency,
    /// From the first time a booking was sent to its outcome, repeats and waits included.
    pub booking: Latency,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileSummary {
    /// Its name, without folders.
    pub name: String,
    /// Rows that could be read.
    pub rows: usize,
    /// Rows that couldn't.
    pub bad_rows: Vec<BadRow>,
    /// Chosen rows whose age can't be true, and was cut to one that can.
    pub dirty_ages: usize,
    /// Chosen rows that ask for a day before the day of the request.
    pub visits_before_request: usize,
}

/// The ends of the chosen rows. They add up: every row is in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsSummary {
    /// Chosen.
    pub chosen: u64,
    /// Ended booked.
    pub booked: u64,
    /// Ended refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Ended as a dead letter.
    pub held_for_review: u64,
    /// Asked, without a known outcome, by what is known.
    pub undecided: BTreeMap<String, u64>,
    /// Not asked or not finished, because the run was stopped.
    pub unfinished: u64,
    /// Of all these, asked for by an earlier run already.
    pub asked_before: u64,
}

/// Conflicts that a patient met and got around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictsSummary {
    /// Somebody was faster.
    pub slot_taken: u64,
    /// The patient has another visit at that time.
    pub patient_busy: u64,
}

impl RowsSummary {
    /// The ends of `chosen` rows.
    pub fn new(chosen: u64, counts: &Counts) -> Self {
        Self {
            chosen,
            booked: counts.booked,
            refused: counts.refused.clone(),
            held_for_review: counts.held_for_review,
            undecided: counts.undecided.clone(),
            unfinished: chosen.saturating_sub(counts.ended()),
            asked_before: counts.asked_before,
        }
    }

    /// Whether every row has a definite outcome.
    pub fn all_definite(&self) -> bool {
        self.undecided.is_empty() && self.unfinished == 0
    }
}

/// Bookings per second of a run that took `elapsed`.
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.days_table(f)?;
        self.file_table(f)?;
        self.rows_table(f)?;
        self.latency_table(f)
    }
}

impl Report {
    fn days_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\ndays of {}, {} weeks later", self.file.name, self.weeks)?;
        for day in &self.days {
            let MappedDay { visit_day, became, rows } = day;
            let weekday = became.strftime("%a");
            writeln!(f, "  {weekday} {visit_day} became {became}  {rows:>7} rows")?;
        }
        Ok(())
    }

    fn file_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        if !file.bad_rows.is_empty() {
            writeln!(f, "  rows that can't be read: {}", file.bad_rows.len())?;
            for bad in file.bad_rows.iter().take(BAD_ROWS_SHOWN) {
                writeln!(f, "    line {}: {}", bad.line, bad.problem)?;
            }
            if file.bad_rows.len() > BAD_ROWS_SHOWN {
                writeln!(f, "    … and {} more", file.bad_rows.len() - BAD_ROWS_SHOWN)?;
            }
        }
        if file.dirty_ages > 0 {
            writeln!(f, "  ages that can't be true, cut: {}", file.dirty_ages)?;
        }
        if file.visits_before_request > 0 {
            let count = file.visits_before_request;
            writeln!(f, "  visits before their request, to be refused: {count}")?;
        }
        Ok(())
    }

    fn rows_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = &self.rows;
        let count = |f: &mut fmt::Formatter<'_>, name: &str, count: u64| {
            writeln!(f, "  {name:<42} {count:>8}")
        };
        writeln!(f, "\nrequests")?;
        count(f, "rows", rows.chosen)?;
        count(f, "booked", rows.booked)?;
        for (reason, number) in &rows.refused {
            count(f, &format!("refused: {}", in_words(reason)), *number)?;
        }
        if rows.held_for_review > 0 {
            count(f, "held for review (dead letters)", rows.held_for_review)?;
        }
        for (why, number) in &rows.undecided {
            count(f, &format!("OUTCOME NOT KNOWN: {why}"), *number)?;
        }
        if rows.unfinished > 0 {
            count(f, "not finished: the run was stopped", rows.unfinished)?;
        }
        if rows.asked_before > 0 {
            count(f, "of these, asked for by an earlier run", rows.asked_before)?;
        }
        writeln!(f, "\nmet on the way")?;
        count(f, "conflicts: slot taken", self.conflicts.slot_taken)?;
        count(f, "conflicts: patient busy", self.conflicts.patient_busy)?;
        count(f, "unknown outcomes (asked again, same key)", self.encounters.unknown_outcomes)?;
        count(f, "server not reachable", self.encounters.unreachable)?;
        count(f, "429 (told to slow down)", self.encounters.throttled)?;
        count(f, "repeats for these reasons", self.encounters.repeats)
    }

    fn latency_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:.1} bookings/s over {} connections in {:.1} s",
            self.bookings_per_s, self.connections, self.elapsed_s
        )?;
        if self.behind_s > 0.0 {
            writeln!(f, "at most {:.3} s behind the schedule", self.behind_s)?;
        }
        writeln!(
            f,
            "\n  {:<22} {:>8} {:>9} {:>9} {:>9} {:>9}",
            "ms", "count", "p50", "p90", "p99", "max"
        )?;
        for (name, latency) in [("search", self.search), ("booking, with wait", self.booking)] {
            let Latency { count, p50_ms, p90_ms, p99_ms, max_ms } = latency;
            writeln!(
                f,
                "  {name:<22} {count:>8} {p50_ms:>9.1} {p90_ms:>9.1} {p99_ms:>9.1} {max_ms:>9.1}"
            )?;
        }
        Ok(())
    }
}

/// A reason as the table shows it.
fn in_words(reason: &str) -> String {
    match reason {
        "start_in_past" => "in the past".into(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn report() -> Report {
        Report {
            url: "http://127.0.0.1:8080/".into(),
            file: FileSummary {
                name: "synthetic.csv".into(),
                rows: 180,
                bad_rows: vec![BadRow { line: 12, problem: "age can't be read".into() }],
                dirty_ages: 2,
                visits_before_request: 1,
            },
            days: vec![MappedDay {
                visit_day: date(2001, 3, 1),
                became: date(2026, 12, 3),
                rows: 60,
            }],
            weeks: 1344,
            prepared: PreparedSummary::default(),
            connections: 8,
            rows: RowsSummary {
                chosen: 60,
                booked: 57,
                refused: BTreeMap::from([
                    ("no_free_slot".to_owned(), 1),
                    ("start_in_past".to_owned(), 1),
                ]),
                held_for_review: 0,
                undecided: BTreeMap::from([("no answer within 120 s".to_owned(), 1)]),
                unfinished: 0,
                asked_before: 3,
            },
            conflicts: ConflictsSummary { slot_taken: 4, patient_busy: 2 },
            encounters: EncountersSoFar {
                unknown_outcomes: 5,
                unreachable: 6,
                throttled: 7,
                repeats: 18,
            },
            elapsed_s: 1.25,
            bookings_per_s: 45.6,
            behind_s: 0.0,
            search: Latency { count: 60, p50_ms: 1.2, p90_ms: 3.4, p99_ms: 10.0, max_ms: 12.0 },
            booking: Latency {
                count: 66,
                p50_ms: 12.34,
                p90_ms: 30.0,
                p99_ms: 101.0,
                max_ms: 1_234.5,
            },
        }
    }

    #[test]
    fn the_table_reads_well() {
        let expected = include_str!("report.snapshot.txt");
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn a_row_without_an_outcome_is_not_definite() {
        let mut rows = report().rows;
        assert!(!rows.all_definite());
        rows.undecided.clear();
        assert!(rows.all_definite());
        rows.unfinished = 1;
        assert!(!rows.all_definite());
    }
}
