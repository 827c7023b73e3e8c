//! Dates as X12 writes them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A day, as eight digits: `20270301`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct X12Date(Date);

/// Why a text is no date. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("a date has eight digits: YYYYMMDD")]
pub struct InvalidDate;

impl X12Date {
    /// The day.
    pub const fn date(self) -> Date {
        self.0
    }
}

impl From<Date> for X12Date {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

impl FromStr for X12Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidDate);
        }
        Date::strptime("%Y%m%d", text).map(Self).map_err(|_| InvalidDate)
    }
}

impl TryFrom<String> for X12Date {
    type Error = InvalidDate;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<X12Date> for String {
    fn from(date: X12Date) -> Self {
        date.to_string()
    }
}

impl fmt::Display for X12Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// Dates of birth travel in this form: they are hidden.
impl fmt::Debug for X12Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X12Date(…)")
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn has_eight_digits() {
        let parsed: X12Date = "20270301".parse().unwrap();
        assert_eq!(parsed.date(), date(2027, 3, 1));
        assert_eq!(parsed.to_string(), "20270301");
        for text in ["", "2027-03-01", "20270230", "2027031", "+2027031", "20270101-20271231"] {
            assert!(text.parse::<X12Date>().is_err(), "{text}");
        }
    }
}
