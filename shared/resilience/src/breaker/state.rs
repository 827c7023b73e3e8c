//! The words of a breaker.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They run.
    Closed,
    /// They are refused.
    Open,
    /// One runs, the probe; the others are refused.
    HalfOpen,
    /// They are refused, because an operator says so.
    ForcedOpen,
    /// They run whatever they give, because an operator says so.
    ForcedClosed,
}

impl State {
    /// All of them, for gauges with one series per state.
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::ForcedClosed];

    /// Its name in metrics, logs and traces: `closed`, `open`, `half_open`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who decides whether calls run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The breaker.
    Automatic,
    /// An operator, who lets none run.
    ForcedOpen,
    /// An operator, who lets all run that there is capacity for.
    ForcedClosed,
}

/// How a call ended, as its caller sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The dependency gave an answer, perhaps an unwelcome one.
    Success,
    /// It gave none, or one that means it can't work.
    Failure,
    /// It gave none in time: a failure too.
    Timeout,
}

impl Outcome {
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Failure | Self::Timeout)
    }
}

/// Why a call may not run. Neither counts as a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The breaker is open, forced open, or half-open with its probe under way.
    #[error("the circuit breaker is open")]
    Open {
        /// When a call may run at the earliest, from now; `None` if that depends on the probe under
        /// way or on an operator.
        retry_after: Option<Duration>,
    },
    /// [`Options::capacity`](super::Options::capacity) calls are running.
    #[error("as many calls are running as may run at once")]
    Capacity,
}

/// A change of state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// When it happened: for the end of an open period that end, however late anybody looked.
    pub at: Instant,
    /// The state until then.
    pub from: State,
    /// The state from then on; always another.
    pub to: State,
}
