//! When each row is due.

use std::str::FromStr;
use std::time::Duration;

use super::rows::Row;

/// Hours that a chosen day stands for in a paced run.
const HOURS_PER_DAY: u64 = 24;

/// How fast rows are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Speed {
    /// As fast as the connections allow.
    #[default]
    Max,
    /// At speed 1 the chosen rows are spread over as many times 24 hours as days were chosen; at
    /// speed N over an Nth of that. The gaps between rows keep the proportions that the gaps
    /// between their `requested_at` have.
    Times(f64),
}

/// The text is no speed.
#[derive(Debug, thiserror::Error)]
#[error("expected a number above 0, or max")]
pub struct InvalidSpeed;

impl FromStr for Speed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times: f64 = text.parse().map_err(|_| InvalidSpeed)?;
        if times.is_finite() && times > 0.0 { Ok(Self::Times(times)) } else { Err(InvalidSpeed) }
    }
}

/// When each row is due, from the start of the run. Rows must be sorted by `requested_at`.
pub fn due(rows: &[Row], days: usize, speed: Speed) -> Vec<Duration> {
    let (Speed::Times(times), [first, .., last]) = (speed, rows) else {
        return vec![Duration::ZERO; rows.len()];
    };
    let since_first = |row: &Row| row.requested_at.duration_since(first.requested_at).as_secs_f64();
    let whole = since_first(last).max(1.0);
    let run = Duration::from_hours(HOURS_PER_DAY * days as u64).as_secs_f64() / times;
    rows.iter()
        .map(|row| Duration::try_from_secs_f64(since_first(row) / whole * run).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn row(requested_at: &str) -> Row {
        Row {
            line: 2,
            requested_at: requested_at.parse().unwrap(),
            visit_day: date(2001, 3, 1),
            patient: 1,
            clinic: 1,
            age: 1,
        }
    }

    #[test]
    fn reads_a_factor_or_max() {
        assert_eq!("max".parse::<Speed>().unwrap(), Speed::Max);
        assert_eq!("0.5".parse::<Speed>().unwrap(), Speed::Times(0.5));
        for text in ["", "0", "-1", "fast", "NaN", "inf"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn compresses_the_requests_into_the_chosen_days() {
        let rows =
            ["2001-02-01T00:00:00Z", "2001-02-11T00:00:00Z", "2001-02-21T00:00:00Z"].map(row);
        let hours =
            |speed| due(&rows, 1, Speed::Times(speed)).iter().map(Duration::as_secs).collect();
        let (real, fast): (Vec<u64>, Vec<u64>) = (hours(1.0), hours(24.0));
        assert_eq!(real, [0, 12 * 3_600, 24 * 3_600]);
        assert_eq!(fast, [0, 1_800, 3_600]);
    }

    #[test]
    fn everything_is_due_at_once_at_full_speed() {
        let rows = ["2001-02-01T00:00:00Z", "2001-02-11T00:00:00Z"].map(row);
        assert_eq!(due(&rows, 1, Speed::Max), [Duration::ZERO; 2]);
        assert_eq!(due(&rows[..1], 1, Speed::Times(1.0)), [Duration::ZERO]);
    }
}
