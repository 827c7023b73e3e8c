//! The start that a person asks for.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

/// When a visit should begin: an instant, or a wall clock's time in a named zone.
///
/// Text form: RFC 3339 with an offset (`2027-03-01T09:00:00-03:00`), or RFC 9557 with a zone
/// and no offset (`2027-03-01T09:00:00[America/Sao_Paulo]`). A wall clock's time may not exist
/// (clocks go forward) or exist twice (clocks go back): [`RequestedStart::resolve`] says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RequestedStart {
    /// One point in time.
    Instant(Timestamp),
    /// What a clock on the wall shows, in this zone.
    Wall(DateTime, TimeZone),
}

/// The text is no start in either form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2027-03-01T09:00:00-03:00 or 2027-03-01T09:00:00[America/Sao_Paulo]")]
pub struct InvalidStart;

/// Why a wall clock's time is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolvable {
    /// The clocks skip this time.
    Gap,
    /// The clocks show this time twice; an offset would say which is meant.
    Fold,
}

impl RequestedStart {
    /// The instant that is meant.
    pub fn resolve(&self) -> Result<Timestamp, Unresolvable> {
        match self {
            Self::Instant(instant) => Ok(*instant),
            Self::Wall(wall, zone) => match zone.to_ambiguous_timestamp(*wall).offset() {
                AmbiguousOffset::Unambiguous { offset } => {
                    offset.to_timestamp(*wall).map_err(|_| Unresolvable::Gap)
                }
                AmbiguousOffset::Gap { .. } => Err(Unresolvable::Gap),
                AmbiguousOffset::Fold { .. } => Err(Unresolvable::Fold),
            },
        }
    }
}

impl TryFrom<String> for RequestedStart {
    type Error = InvalidStart;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // Longer texts can't be a time; the bound keeps the parser's work small.
        if text.len() > 100 {
            return Err(InvalidStart);
        }
        let pieces = Pieces::parse(&text).map_err(|_| InvalidStart)?;
        if pieces.offset().is_some() {
            // With a zone beside the offset, the two must agree.
            if pieces.time_zone_annotation().is_some() {
                let zoned = DateTimeParser::new().parse_zoned(&text).map_err(|_| InvalidStart)?;
                return Ok(Self::Instant(zoned.timestamp()));
            }
            return text.parse().map(Self::Instant).map_err(|_| InvalidStart);
        }
        let time = pieces.time().ok_or(InvalidStart)?;
        let zone = pieces.to_time_zone().ok().flatten().ok_or(InvalidStart)?;
        zone.iana_name().ok_or(InvalidStart)?;
        Ok(Self::Wall(pieces.date().to_datetime(time), zone))
    }
}

impl fmt::Display for RequestedStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant) => instant.fmt(f),
            Self::Wall(wall, zone) => {
                write!(f, "{wall}[{}]", zone.iana_name().unwrap_or("Etc/Unknown"))
            }
        }
    }
}

impl From<RequestedStart> for String {
    fn from(start: RequestedStart) -> Self {
        start.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RequestedStart, InvalidStart> {
        RequestedStart::try_from(text.to_owned())
    }

    #[test]
    fn reads_an_instant_and_a_wall_time() {
        let instant = parse("2027-03-01T09:00:00-03:00").unwrap();
        let wall = parse("2027-03-01T09:00[America/Sao_Paulo]").unwrap();
        assert_eq!(instant.resolve(), Ok("2027-03-01T12:00:00Z".parse().unwrap()));
        assert_eq!(wall.resolve(), instant.resolve());
        assert_eq!(wall.to_string(), "2027-03-01T09:00:00[America/Sao_Paulo]");
    }

    #[test]
    fn says_when_the_clocks_skip_or_repeat_a_time() {
        let gap = parse("2027-03-14T02:30:00[America/New_York]").unwrap();
        let fold = parse("2027-11-07T01:30:00[America/New_York]").unwrap();
        assert_eq!(gap.resolve(), Err(Unresolvable::Gap));
        assert_eq!(fold.resolve(), Err(Unresolvable::Fold));
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "tomorrow",
            "2027-03-01",
            "2027-03-01T09:00:00",
            "2027-03-01T09:00:00[Mars/Olympus]",
            "2027-03-01T09:00:00+05:00[America/Sao_Paulo]",
            "2027-02-30T09:00:00Z",
            &"9".repeat(5000),
        ] {
            assert_eq!(parse(text), Err(InvalidStart), "{text:?}");
        }
    }
}
