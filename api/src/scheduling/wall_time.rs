//! Times of day as people write them: `09:00`, and `24:00` for the end of the day.

use jiff::civil::Time;
use serde::{Deserialize as _, Deserializer, Serializer};

const END_OF_DAY: &str = "24:00";

/// Writes the beginning of hours.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub fn start<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    let is_plain = time.second() == 0 && time.subsec_nanosecond() == 0;
    if is_plain {
        serializer.collect_str(&format_args!("{:02}:{:02}", time.hour(), time.minute()))
    } else {
        serializer.collect_str(time)
    }
}

/// Writes the end of hours.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub fn end<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    if *time == Time::midnight() {
        serializer.serialize_str(END_OF_DAY)
    } else {
        start(time, serializer)
    }
}

/// Reads the end of hours: midnight is the end of the day, in either spelling.
pub fn read_end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    if [END_OF_DAY, "24:00:00"].contains(&text.as_str()) {
        return Ok(Time::midnight());
    }
    let expected = "expected a time like 17:00, or 24:00 for the end of the day";
    text.parse().map_err(|_| serde::de::Error::custom(expected))
}
