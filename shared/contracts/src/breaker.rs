//! What operators and workers tell each other of the payers' circuit breakers, through two NATS
//! key-value buckets. Keys are payer ids, for states followed by `.` and the worker's instance.

use std::fmt;
use std::str::FromStr;

use domain::{Actor, PayerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who decides whether a payer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerControl {
    /// The breaker.
    Automatic,
    /// An operator: nobody asks.
    ForcedOpen,
    /// An operator: everybody asks.
    ForcedClosed,
}

impl BreakerControl {
    /// The word in the bucket and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
        }
    }
}

impl fmt::Display for BreakerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The bucket's entry for a payer that somebody has decided about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOrder {
    /// What was decided.
    pub control: BreakerControl,
    /// By whom: `<user-id>/<role>`.
    pub by: String,
    /// Why, in their words: one line.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl BreakerOrder {
    /// An order of `actor`.
    pub fn new(control: BreakerControl, actor: Actor, reason: &str, at: Timestamp) -> Self {
        Self { control, by: actor.to_string(), reason: reason.to_owned(), at }
    }
}

/// How one worker's breaker for one payer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerReport {
    /// `closed`, `open`, `half_open`, `forced_open` or `forced_closed`.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
}

/// The key of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportKey {
    /// Which payer.
    pub payer: PayerId,
    /// Which worker process.
    pub instance: String,
}

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.payer, self.instance)
    }
}

/// The text is no key of a report.
#[derive(Debug, thiserror::Error)]
#[error("a report's key reads <payer>.<instance>")]
pub struct InvalidReportKey;

impl FromStr for ReportKey {
    type Err = InvalidReportKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (payer, instance) = text.split_once('.').ok_or(InvalidReportKey)?;
        let payer = payer.parse().map_err(|_| InvalidReportKey)?;
        Ok(Self { payer, instance: instance.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_control_is_its_json() {
        use BreakerControl::{Automatic, ForcedClosed, ForcedOpen};
        for control in [Automatic, ForcedOpen, ForcedClosed] {
            assert_eq!(serde_json::to_value(control).unwrap(), control.as_str());
        }
    }

    #[test]
    fn a_reports_key_reads_back() {
        let key = ReportKey { payer: "00123".parse().unwrap(), instance: "abc".to_owned() };
        assert_eq!(key.to_string().parse::<ReportKey>().unwrap(), key);
        assert!("00123".parse::<ReportKey>().is_err());
        assert!("a b.c".parse::<ReportKey>().is_err());
    }
}
