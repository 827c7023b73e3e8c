//! A small invented file of the same form as the real ones: the one in `testkit/data` was made by
//! `mediconnect replay --make-sample`. It holds no row of any real file.

use std::fmt::Write as _;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

/// A Thursday, a Friday and a Monday, so that there are days without visits between them. The year
/// shows at a glance that nobody really asked.
const DAYS: [Date; 3] = [date(2001, 3, 1), date(2001, 3, 2), date(2001, 3, 5)];

const ROWS_PER_DAY: u64 = 60;
const PATIENTS: u64 = 70;
const CLINICS: u64 = 6;

/// The longest that anybody asks ahead.
const AHEAD_MAX_S: u64 = 40 * 24 * 3_600;

/// Of so many requests one is made in the hour before the clinic opens.
const SAME_DAY_EVERY: u64 = 5;

/// Begins the sequence of invented numbers.
const SEED: u64 = 2001;

/// The file's content; always the same.
pub fn content() -> String {
    let mut numbers = Numbers(SEED);
    let mut rows: Vec<(Timestamp, String)> = Vec::new();
    for (day_index, day) in DAYS.into_iter().enumerate() {
        for index in 0..ROWS_PER_DAY {
            let before_request = day_index == 1 && index == 30;
            let requested_at = requested_at(day, index, before_request, &mut numbers);
            let (patient, clinic) = (1 + numbers.below(PATIENTS), clinic(&mut numbers));
            let age = age(day_index, index, patient);
            let (sms, no_show) = (numbers.below(3) / 2, numbers.below(5) / 4);
            let row = format!("{requested_at},{day},{patient},{clinic},{age},{sms},{no_show}");
            rows.push((requested_at, row));
        }
    }
    rows.sort_by_key(|(requested_at, _)| *requested_at);
    rows.iter().fold(
        String::from("requested_at,visit_day,patient,clinic,age,sms,no_show\n"),
        |mut content, (_, row)| {
            writeln!(content, "{row}").expect("writing to a String can't fail");
            content
        },
    )
}

fn requested_at(day: Date, index: u64, before_request: bool, numbers: &mut Numbers) -> Timestamp {
    let seconds = |seconds: u64| SignedDuration::from_secs(seconds.cast_signed());
    let morning = day
        .at(7, 0, 0, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .expect("a constant day of 2001, in UTC")
        .timestamp();
    if before_request {
        return morning + seconds(2 * 24 * 3_600);
    }
    let ahead = match index % SAME_DAY_EVERY {
        0 => numbers.below(3_600),
        _ => numbers.below(AHEAD_MAX_S),
    };
    morning - seconds(ahead)
}

/// Half of the visits are at the first clinic, as one clinic is always the busiest.
fn clinic(numbers: &mut Numbers) -> u64 {
    if numbers.below(2) == 0 { 1 } else { 1 + numbers.below(CLINICS) }
}

/// A patient's age; a few rows have ages that can't be true, as real files do.
fn age(day_index: usize, index: u64, patient: u64) -> i64 {
    match (day_index, index) {
        (0, 10) => -1,
        (0, 40) | (2, 20) => 115,
        _ => (patient * 37 % 96).cast_signed(),
    }
}

/// SplitMix64: a few lines that give the same numbers for ever, which no crate promises.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{accounts, rows};
    use super::*;

    #[test]
    fn the_file_in_the_testkit_is_this_one() {
        let file = include_str!("../../../testkit/data/synthetic.csv");
        assert!(file == content(), "make it again: mediconnect replay --make-sample");
    }

    #[test]
    fn it_has_what_makes_real_files_hard() {
        let requests = rows::parse(content().as_bytes()).unwrap();
        assert_eq!(requests.bad_rows, []);
        assert_eq!(requests.rows.len(), 180);
        let days: BTreeSet<_> = requests.rows.iter().map(|row| row.visit_day).collect();
        assert_eq!(days, BTreeSet::from(DAYS));
        let clinics: BTreeSet<_> = requests.rows.iter().map(|row| row.clinic).collect();
        assert_eq!(clinics.len() as u64, CLINICS);
        let count = |is: fn(&rows::Row) -> bool| requests.rows.iter().filter(|row| is(row)).count();
        assert_eq!(count(|row| accounts::is_dirty(row.age)), 3);
        assert_eq!(count(rows::Row::asks_for_the_past), 1);
        let patients: BTreeSet<_> = requests.rows.iter().map(|row| row.patient).collect();
        assert!(patients.len() < 70, "some patients ask more than once");
    }
}
