//! Fields that a library reads from text, refused in our words: its own may quote what was sent.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize as _, Deserializer};

/// A day of the calendar.
pub fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    parse(&String::deserialize(deserializer)?, "a date like 1990-02-28")
}

/// A time by the wall clock.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    parse(&String::deserialize(deserializer)?, "a time like 09:00")
}

/// A point in time, or none.
pub fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let expected = "a time with an offset, like 2027-03-01T00:00:00Z";
    text.map(|text| parse(&text, expected)).transpose()
}

fn parse<T: FromStr, E: serde::de::Error>(text: &str, expected: &str) -> Result<T, E> {
    text.parse().map_err(|_| E::custom(format_args!("expected {expected}")))
}
