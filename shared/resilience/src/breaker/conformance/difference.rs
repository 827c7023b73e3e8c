//! Where a breaker does something else than a trace says.

use std::fmt;

use serde::Serialize;

use super::super::state::State;
use super::replay::{Ending, Replayed};
use super::trace::{Call, Change, Reading, Trace};

/// One thing that should have been otherwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// When it shows, in ms since the breaker was made.
    pub at_ms: u64,
    /// What it is that differs.
    pub subject: Subject,
    /// What the trace says.
    pub expected: String,
    /// What the breaker did.
    pub got: String,
}

/// What can differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A state that was read.
    State,
    /// What a call gave, or when.
    Call,
    /// A change of state, where all that was read and called agrees.
    Transition,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, expected, got, .. } = self;
        write!(f, "at {at_ms} ms expected {expected}, got {got}")
    }
}

/// Every difference, the earliest first.
pub(super) fn differences(trace: &Trace, replayed: &Replayed) -> Vec<Difference> {
    let states = trace.expect.iter().zip(&replayed.states).filter_map(state);
    let calls = trace.calls.iter().zip(&replayed.endings).filter_map(call);
    let mut differences: Vec<_> = states.chain(calls).collect();
    differences.sort_by_key(|difference| difference.at_ms);
    if differences.is_empty()
        && let Some(expected) = &trace.transitions
    {
        differences.extend(first_transition(expected, &replayed.transitions));
    }
    differences
}

fn state((expected, got): (&Reading, &State)) -> Option<Difference> {
    (expected.state != *got).then(|| Difference {
        at_ms: expected.at_ms,
        subject: Subject::State,
        expected: expected.state.to_string(),
        got: got.to_string(),
    })
}

fn call((expected, got): (&Call, &Ending)) -> Option<Difference> {
    let at_ms = expected.done_at_ms.min(got.at_ms);
    let (result, done) = (expected.result.as_str(), got.result.as_str());
    let (expected, got) = if expected.result != got.result {
        (result.to_owned(), done.to_owned())
    } else if expected.done_at_ms != got.at_ms {
        (format!("{result} at {} ms", expected.done_at_ms), format!("{done} at {} ms", got.at_ms))
    } else {
        return None;
    };
    Some(Difference { at_ms, subject: Subject::Call, expected, got })
}

/// One that is missing or too many shifts those after it, so only the first says something.
fn first_transition(expected: &[Change], got: &[Change]) -> Option<Difference> {
    let longest = expected.len().max(got.len());
    let (expected, got) = (0..longest)
        .map(|index| (expected.get(index), got.get(index)))
        .find(|(expected, got)| expected != got)?;
    let at_ms = [expected, got].into_iter().flatten().map(|change| change.at_ms).min()?;
    let tell = |change: Option<&Change>| {
        change.map_or("no change".to_owned(), |Change { at_ms, from, to }| {
            format!("{from} to {to} at {at_ms} ms")
        })
    };
    Some(Difference {
        at_ms,
        subject: Subject::Transition,
        expected: tell(expected),
        got: tell(got),
    })
}
