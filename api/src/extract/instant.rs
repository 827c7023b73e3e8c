//! Points in time, as queries, bodies and cursors give them.

use jiff::Timestamp;

/// What is expected, for those who gave something else.
pub const AN_INSTANT: &str =
    "a time with an offset in the years 1 to 9999, like 2027-03-01T00:00:00Z";

/// 0001-01-01T00:00:00Z.
const EARLIEST: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Reads a point in time.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(is_instant)
}

/// Whether it is one that the database can be asked about: its years begin later than those of
/// the types here, which end with 9999.
pub fn is_instant(time: &Timestamp) -> bool {
    *time >= EARLIEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_years_that_every_part_knows() {
        for text in ["0001-01-01T00:00:00Z", "2027-03-01T12:00:00+02:00", "9999-12-30T00:00:00Z"] {
            assert!(parse_instant(text).is_some(), "{text}");
        }
        for text in
            ["0000-12-31T23:59:59Z", "-005000-01-01T00:00:00Z", "+010000-01-01T00:00:00Z", "soon"]
        {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }
}
