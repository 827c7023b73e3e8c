//! Whatever happens, the breaker does what its definition says.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod reference;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reference::{Reference, Settings};
use resilience::breaker::{
    Control, Growth, Machine, Options, Outcome, Percent, Refusal, State, Ticket,
};

const CASES: u32 = 2000;

/// What can happen. `usize` chooses among the calls that are running.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Acquire,
    End(usize, Outcome),
    Drop(usize),
    Control(Control),
    ReadState,
}

fn settings() -> impl Strategy<Value = Settings> {
    let window = (10..60_u64, 1..6_u64, 0..6_u64, prop_oneof![Just(50), 0..=100_u8]);
    let periods = (1..150_u64, 1..4_u64, 0..400_u64, 20..120_u64);
    (window, periods, prop_oneof![Just(None), (0..4_u64).prop_map(Some)]).prop_map(
        |((bucket_ms, buckets, volume, threshold_percent), periods, capacity)| {
            let (open_ms, factor, max_open_ms, deadline_ms) = periods;
            Settings {
                threshold_percent,
                volume,
                bucket_ms,
                buckets,
                open_ms,
                factor,
                max_open_ms: max_open_ms.max(open_ms),
                deadline_ms,
                capacity,
            }
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome =
        prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Timeout)];
    let control = prop_oneof![
        2 => Just(Control::Automatic),
        1 => Just(Control::ForcedOpen),
        1 => Just(Control::ForcedClosed),
    ];
    let step = prop_oneof![
        6 => prop_oneof![4 => 0..20_u64, 1 => 20..200_u64].prop_map(Step::Wait),
        8 => Just(Step::Acquire),
        8 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => control.prop_map(Step::Control),
        2 => Just(Step::ReadState),
    ];
    vec(step, 1..150)
}

fn options(settings: &Settings) -> Options {
    let max = Duration::from_millis(settings.max_open_ms);
    Options {
        failure_threshold: Percent::whole(settings.threshold_percent),
        volume_threshold: settings.volume,
        window: Duration::from_millis(settings.bucket_ms * settings.buckets),
        buckets: settings.buckets as u32,
        open_period: Duration::from_millis(settings.open_ms),
        growth: Some(Growth { factor: settings.factor as u32, max }),
        jitter: Percent::ZERO,
        probe_deadline: Duration::from_millis(settings.deadline_ms),
        capacity: settings.capacity,
    }
}

/// The machine and the definition, side by side.
struct Pair {
    machine: Machine,
    reference: Reference,
    origin: Instant,
    running: Vec<(usize, Ticket)>,
    /// What happened at least once.
    seen: BTreeSet<String>,
}

impl Pair {
    fn new(settings: &Settings) -> Self {
        let origin = Instant::now();
        Self {
            machine: Machine::new(options(settings), 0, origin).unwrap(),
            reference: Reference::new(settings.clone()),
            origin,
            running: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    fn now(&self) -> Instant {
        self.origin + Duration::from_millis(self.reference.now_ms)
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.now();
        match step {
            Step::Wait(ms) => self.reference.wait(ms),
            Step::Acquire => self.acquire()?,
            Step::End(which, outcome) => {
                if let Some((number, ticket)) = self.take(which) {
                    self.reference.end(number, outcome);
                    self.machine.record(ticket, outcome, now);
                }
            }
            Step::Drop(which) => {
                if let Some((number, ticket)) = self.take(which) {
                    self.reference.drop(number);
                    self.machine.release(ticket);
                }
            }
            Step::Control(control) => {
                self.reference.control(control);
                self.machine.control(control, now);
            }
            Step::ReadState => prop_assert_eq!(self.machine.state(now), self.reference.state()),
        }
        Ok(())
    }

    fn acquire(&mut self) -> Result<(), TestCaseError> {
        let state = self.reference.state();
        let got = self.machine.try_acquire(self.now());
        match self.reference.acquire() {
            Ok((number, is_probe)) => {
                prop_assert!(got.is_ok(), "{state}: {got:?}");
                let ticket = got.unwrap();
                prop_assert_eq!(ticket.is_probe(), is_probe);
                self.running.push((number, ticket));
            }
            Err(refusal) => {
                prop_assert_eq!(got.unwrap_err(), refusal);
                let capacity = refusal == Refusal::Capacity;
                self.seen.insert(format!("{state} refuses, capacity: {capacity}"));
            }
        }
        Ok(())
    }

    fn take(&mut self, which: usize) -> Option<(usize, Ticket)> {
        let choice = which.checked_rem(self.running.len())?;
        Some(self.running.swap_remove(choice))
    }

    fn end(mut self) -> Result<BTreeSet<String>, TestCaseError> {
        prop_assert_eq!(self.machine.state(self.now()), self.reference.state());
        let since = |at: Instant| at.duration_since(self.origin).as_millis() as u64;
        let changes: Vec<(u64, State, State)> = self
            .machine
            .take_transitions()
            .into_iter()
            .map(|change| (since(change.at), change.from, change.to))
            .collect();
        self.seen.extend(changes.iter().map(|(_, from, to)| format!("{from} to {to}")));
        prop_assert_eq!(changes, self.reference.changes);
        Ok(self.seen)
    }
}

#[test]
fn does_what_its_definition_says() {
    let seen = RefCell::new(BTreeSet::new());
    let config =
        ProptestConfig { cases: CASES, source_file: Some(file!()), ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(settings(), steps()), |(settings, steps)| {
            let mut pair = Pair::new(&settings);
            steps.into_iter().try_for_each(|step| pair.step(step))?;
            seen.borrow_mut().extend(pair.end()?);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_saw_everything(&seen.into_inner());
}

/// A comparison in which nothing happens would prove nothing.
fn assert_saw_everything(seen: &BTreeSet<String>) {
    for what in [
        "closed to open",
        "open to half_open",
        "half_open to open",
        "half_open to closed",
        "half_open to forced_open",
        "forced_open to half_open",
        "forced_closed to closed",
        "closed refuses, capacity: true",
        "half_open refuses, capacity: true",
        "half_open refuses, capacity: false",
        "open refuses, capacity: false",
    ] {
        assert!(seen.contains(what), "it never happened: {what}; what did: {seen:#?}");
    }
}
