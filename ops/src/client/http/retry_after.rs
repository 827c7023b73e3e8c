//! `Retry-After`, RFC 9110 §10.2.3: seconds, or a date.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Longer waits are cut: the server will say so again.
const LONGEST: Duration = Duration::from_mins(1);

/// How long to wait from `now`. A malformed value says nothing.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ten(value: &str) -> Option<Duration> {
        parse(value, "2026-11-22T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(at_ten("3"), Some(Duration::from_secs(3)));
        assert_eq!(at_ten(" 0 "), Some(Duration::ZERO));
        assert_eq!(at_ten("86400"), Some(LONGEST));
    }

    #[test]
    fn reads_a_date() {
        assert_eq!(at_ten("Sun, 22 Nov 2026 10:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(at_ten("Sun, 22 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn ignores_what_is_neither() {
        for value in ["", "soon", "-1", "1.5", "2026-11-22T10:00:07Z"] {
            assert_eq!(at_ten(value), None, "{value:?}");
        }
    }
}
