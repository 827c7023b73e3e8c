//! Runs a trace under a clock of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::machine::{Machine, Ticket};
use super::super::options::InvalidOptions;
use super::super::state::{Outcome, Refusal, State, Transition};
use super::difference::{Difference, differences};
use super::trace::{ActionOutcome, CallResult, Change, Step, Trace};

/// What the breaker did, in the order of the trace's own lists.
#[derive(Debug)]
pub(super) struct Replayed {
    pub states: Vec<State>,
    pub endings: Vec<Ending>,
    pub transitions: Vec<Change>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub result: CallResult,
    pub at_ms: u64,
}

/// In the order in which they happen at the same time, which no recorded trace has.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    End(usize),
    Start(usize),
    Read(usize),
}

struct Replay<'a> {
    trace: &'a Trace,
    origin: Instant,
    machine: Machine,
    agenda: BTreeSet<(u64, Event)>,
    tickets: Vec<Option<Ticket>>,
    endings: Vec<Option<Ending>>,
    states: Vec<Option<State>>,
}

impl Trace {
    /// Makes every call of the trace at its time. Returns what differs, the earliest first.
    pub fn replay(&self) -> Result<Vec<Difference>, InvalidOptions> {
        Ok(differences(self, &Replay::new(self)?.run()))
    }

    /// What becomes of a call that may run. One that ends when its time is up is too late.
    fn ending(&self, Step { at_ms, call }: &Step) -> Ending {
        if let Some(timeout_ms) = self.timeout_ms
            && call.latency_ms >= timeout_ms
        {
            return Ending { result: CallResult::Timeout, at_ms: at_ms + timeout_ms };
        }
        let result = match call.outcome {
            ActionOutcome::Ok => CallResult::Ok,
            ActionOutcome::Error => CallResult::Error,
        };
        Ending { result, at_ms: at_ms + call.latency_ms }
    }
}

impl<'a> Replay<'a> {
    fn new(trace: &'a Trace) -> Result<Self, InvalidOptions> {
        // Any moment will do: all else is counted from it.
        let origin = Instant::now();
        let starts = trace.steps.iter().enumerate();
        let readings = trace.expect.iter().enumerate();
        Ok(Self {
            trace,
            origin,
            machine: Machine::new(trace.options.clone(), 0, origin)?,
            agenda: starts
                .map(|(index, step)| (step.at_ms, Event::Start(index)))
                .chain(readings.map(|(index, reading)| (reading.at_ms, Event::Read(index))))
                .collect(),
            tickets: trace.steps.iter().map(|_| None).collect(),
            endings: vec![None; trace.steps.len()],
            states: vec![None; trace.expect.len()],
        })
    }

    fn run(mut self) -> Replayed {
        while let Some((at_ms, event)) = self.agenda.pop_first() {
            match event {
                Event::Start(index) => self.start(index, at_ms),
                Event::End(index) => self.end(index, at_ms),
                Event::Read(index) => {
                    let now = self.at(at_ms);
                    self.states[index] = Some(self.machine.state(now));
                }
            }
        }
        if let Some(last) = self.trace.transitions.iter().flatten().map(|change| change.at_ms).max()
        {
            self.machine.state(self.at(last));
        }
        let transitions = self.machine.take_transitions();
        Replayed {
            transitions: transitions.into_iter().map(|change| self.change(change)).collect(),
            states: self.states.into_iter().flatten().collect(),
            endings: self.endings.into_iter().flatten().collect(),
        }
    }

    fn start(&mut self, index: usize, at_ms: u64) {
        let now = self.at(at_ms);
        let ending = match self.machine.try_acquire(now) {
            Ok(ticket) => {
                self.tickets[index] = Some(ticket);
                let ending = self.trace.ending(&self.trace.steps[index]);
                self.agenda.insert((ending.at_ms, Event::End(index)));
                ending
            }
            Err(Refusal::Open { .. }) => Ending { result: CallResult::RejectedOpen, at_ms },
            Err(Refusal::Capacity) => Ending { result: CallResult::RejectedCapacity, at_ms },
        };
        self.endings[index] = Some(ending);
    }

    fn end(&mut self, index: usize, at_ms: u64) {
        let now = self.at(at_ms);
        let (Some(ticket), Some(ending)) = (self.tickets[index].take(), self.endings[index]) else {
            return;
        };
        let outcome = match ending.result {
            CallResult::Ok => Outcome::Success,
            CallResult::Timeout => Outcome::Timeout,
            CallResult::Error | CallResult::RejectedOpen | CallResult::RejectedCapacity => {
                Outcome::Failure
            }
        };
        self.machine.record(ticket, outcome, now);
    }

    fn at(&self, at_ms: u64) -> Instant {
        self.origin + Duration::from_millis(at_ms)
    }

    fn change(&self, Transition { at, from, to }: Transition) -> Change {
        let at_ms = at.saturating_duration_since(self.origin).as_millis();
        Change { at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX), from, to }
    }
}
