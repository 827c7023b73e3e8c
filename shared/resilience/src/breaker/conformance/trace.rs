//! The form of a trace.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::super::options::{InvalidOptions, Options};
use super::super::percent::{InvalidPercent, Percent};
use super::super::state::State;

/// No time in a trace is later or longer: 2^53 ms, up to which every program reads JSON's numbers
/// alike.
pub const MAX_TIME_MS: u64 = 1 << 53;

/// A trace that can be replayed.
#[derive(Debug)]
pub struct Trace {
    /// The trace's name, if the file says one.
    pub name: Option<String>,
    pub(super) options: Options,
    pub(super) timeout_ms: Option<u64>,
    pub(super) steps: Vec<Step>,
    pub(super) calls: Vec<Call>,
    pub(super) expect: Vec<Reading>,
    pub(super) transitions: Option<Vec<Change>>,
}

/// Why a file is no trace.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTrace {
    /// It isn't JSON, or has not the form of a trace.
    #[error("{0}")]
    Form(#[from] serde_path_to_error::Error<serde_json::Error>),
    /// There is more after the document.
    #[error("after the trace: {0}")]
    Trailing(#[from] serde_json::Error),
    /// Its threshold is no percentage.
    #[error("options.error_threshold_percent: {0}")]
    Threshold(#[from] InvalidPercent),
    /// No breaker can have its options.
    #[error("options: {0}")]
    Options(#[from] InvalidOptions),
    /// A timeout of nothing.
    #[error("options.timeout_ms is 0, by which no call can end; null means no timeout")]
    NoTime,
    /// A step has no result, or a result has no step.
    #[error("there are {steps} steps but {calls} calls; calls[i] is the result of steps[i]")]
    Lengths {
        /// Steps in the file.
        steps: usize,
        /// Results in the file.
        calls: usize,
    },
    /// A step and its result begin at different times.
    #[error("calls[{index}] begins at {call_ms} ms, but steps[{index}] at {step_ms} ms")]
    Beginnings {
        /// Place of both, from 0.
        index: usize,
        /// When the step begins.
        step_ms: u64,
        /// When its result says that it began.
        call_ms: u64,
    },
    /// A time that not every program reads alike.
    #[error("{time_ms} ms is more than 2^53 ms")]
    Time {
        /// The time.
        time_ms: u64,
    },
}

/// What a call gives to its caller.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// Its action ended well.
    Ok,
    /// Its action failed.
    Error,
    /// Its action took too long.
    Timeout,
    /// It was refused, because the breaker is open or its probe is under way.
    RejectedOpen,
    /// It was refused, because too many calls are running.
    RejectedCapacity,
}

impl CallResult {
    /// Its name in a trace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::RejectedOpen => "rejected_open",
            Self::RejectedCapacity => "rejected_capacity",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub at_ms: u64,
    pub call: Action,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    pub latency_ms: u64,
    pub outcome: ActionOutcome,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionOutcome {
    Ok,
    Error,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub at_ms: u64,
    pub result: CallResult,
    pub done_at_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    pub at_ms: u64,
    pub state: State,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub at_ms: u64,
    pub from: State,
    pub to: State,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "for people who read the file; named here so that others are unknown")]
struct Document {
    name: Option<String>,
    kind: Option<String>,
    why: Option<String>,
    source: Option<IgnoredAny>,
    depends_on: Option<Vec<String>>,
    covers: Option<Vec<String>>,
    options: RecordedOptions,
    steps: Vec<Step>,
    expect: Vec<Reading>,
    calls: Vec<Call>,
    transitions: Option<Vec<Change>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedOptions {
    timeout_ms: Option<u64>,
    error_threshold_percent: f64,
    reset_timeout_ms: u64,
    rolling_window_ms: u64,
    buckets: u32,
    volume_threshold: u64,
    capacity: Option<u64>,
}

impl Trace {
    /// Reads a trace. A field that the form doesn't have is refused, since a replay that ignores
    /// it might call something else the same.
    pub fn parse(json: &str) -> Result<Self, InvalidTrace> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let document: Document = serde_path_to_error::deserialize(&mut deserializer)?;
        deserializer.end()?;
        document.check()?;
        Ok(Self {
            name: document.name,
            options: document.options.for_a_breaker()?,
            timeout_ms: document.options.timeout_ms,
            steps: document.steps,
            calls: document.calls,
            expect: document.expect,
            transitions: document.transitions,
        })
    }
}

impl Document {
    fn check(&self) -> Result<(), InvalidTrace> {
        let (steps, calls) = (self.steps.len(), self.calls.len());
        if steps != calls {
            return Err(InvalidTrace::Lengths { steps, calls });
        }
        for (index, (step, call)) in self.steps.iter().zip(&self.calls).enumerate() {
            let (step_ms, call_ms) = (step.at_ms, call.at_ms);
            if step_ms != call_ms {
                return Err(InvalidTrace::Beginnings { index, step_ms, call_ms });
            }
        }
        match self.times_ms().find(|time_ms| *time_ms > MAX_TIME_MS) {
            Some(time_ms) => Err(InvalidTrace::Time { time_ms }),
            None => Ok(()),
        }
    }

    fn times_ms(&self) -> impl Iterator<Item = u64> {
        let steps = self.steps.iter().flat_map(|step| [step.at_ms, step.call.latency_ms]);
        let readings = self.expect.iter().map(|reading| reading.at_ms);
        let changes = self.transitions.iter().flatten().map(|change| change.at_ms);
        steps.chain(readings).chain(changes)
    }
}

impl RecordedOptions {
    fn for_a_breaker(&self) -> Result<Options, InvalidTrace> {
        if self.timeout_ms == Some(0) {
            return Err(InvalidTrace::NoTime);
        }
        let options = Options {
            failure_threshold: Percent::try_from(self.error_threshold_percent)?,
            volume_threshold: self.volume_threshold,
            window: Duration::from_millis(self.rolling_window_ms),
            buckets: self.buckets,
            open_period: Duration::from_millis(self.reset_timeout_ms),
            growth: None,
            jitter: Percent::ZERO,
            probe_deadline: Duration::MAX,
            capacity: self.capacity,
        };
        options.check()?;
        Ok(options)
    }
}
