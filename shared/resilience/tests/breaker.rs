//! What the breaker promises that no trace tells: operators, deadlines, dropped permits.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use resilience::breaker::{
    CircuitBreaker, Control, Growth, Options, Outcome, Percent, Permit, Refusal, State, Transition,
};

/// A breaker that opens at its first failure, and a clock that moves when told to.
struct Bench {
    breaker: CircuitBreaker,
    origin: Instant,
    transitions: Arc<Mutex<Vec<Transition>>>,
}

impl Bench {
    fn new(options: Options) -> Self {
        let origin = Instant::now();
        let transitions = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&transitions);
        let observe = move |transition| seen.lock().unwrap().push(transition);
        let breaker = CircuitBreaker::new(options, 7, origin, observe).unwrap();
        Self { breaker, origin, transitions }
    }

    fn at(&self, at_ms: u64) -> Instant {
        self.origin + Duration::from_millis(at_ms)
    }

    fn acquire(&self, at_ms: u64) -> Result<Permit, Refusal> {
        self.breaker.try_acquire(self.at(at_ms))
    }

    fn call(&self, outcome: Outcome, at_ms: u64) {
        self.acquire(at_ms).unwrap().record(outcome, self.at(at_ms));
    }

    fn control(&self, control: Control, at_ms: u64) {
        self.breaker.control(control, self.at(at_ms));
    }

    fn state(&self, at_ms: u64) -> State {
        self.breaker.state(self.at(at_ms))
    }

    fn transitions(&self) -> Vec<(u64, State, State)> {
        let since = |at: Instant| at.duration_since(self.origin).as_millis() as u64;
        let transitions = self.transitions.lock().unwrap();
        transitions.iter().map(|change| (since(change.at), change.from, change.to)).collect()
    }
}

fn options() -> Options {
    Options {
        volume_threshold: 1,
        open_period: Duration::from_secs(1),
        probe_deadline: Duration::from_millis(500),
        ..Options::default()
    }
}

fn open() -> Refusal {
    Refusal::Open { retry_after: None }
}

#[test]
fn says_when_to_ask_again() {
    let bench = Bench::new(options());
    bench.call(Outcome::Timeout, 100);
    let retry_after = Some(Duration::from_millis(900));
    assert_eq!(bench.acquire(200).unwrap_err(), Refusal::Open { retry_after });
    let probe = bench.acquire(1100).unwrap();
    assert!(probe.is_probe());
    assert_eq!(bench.acquire(1100).unwrap_err(), open());
}

#[test]
fn a_dropped_probe_makes_room_for_another() {
    let bench = Bench::new(options());
    bench.call(Outcome::Failure, 0);
    drop(bench.acquire(1000).unwrap());
    assert_eq!(bench.state(1000), State::HalfOpen);
    bench.call(Outcome::Success, 1001);
    assert_eq!(bench.state(1001), State::Closed);
}

#[test]
fn a_dropped_permit_gives_its_place_back_and_counts_for_nothing() {
    let bench = Bench::new(Options { capacity: Some(2), ..options() });
    let held = bench.acquire(0).unwrap();
    for at_ms in 0..10 {
        drop(bench.acquire(at_ms).unwrap());
    }
    let other = bench.acquire(10).unwrap();
    assert_eq!(bench.acquire(10).unwrap_err(), Refusal::Capacity);
    drop((held, other));
    assert_eq!(bench.state(10), State::Closed);
}

#[test]
fn a_probe_beyond_its_deadline_makes_room_and_is_ignored() {
    let bench = Bench::new(options());
    bench.call(Outcome::Failure, 0);
    let slow = bench.acquire(1000).unwrap();
    assert_eq!(bench.acquire(1499).unwrap_err(), open());
    let slower = bench.acquire(1500).unwrap();
    slow.record(Outcome::Success, bench.at(1600));
    assert_eq!(bench.state(1600), State::HalfOpen);
    slower.record(Outcome::Failure, bench.at(2000));
    assert_eq!(bench.state(2000), State::HalfOpen, "its deadline has passed, asked or not");
    bench.call(Outcome::Failure, 2001);
    assert_eq!(bench.state(2001), State::Open);
}

#[test]
fn a_dropped_stale_permit_does_not_free_the_probe() {
    let bench = Bench::new(options());
    let stale = bench.acquire(0).unwrap();
    bench.call(Outcome::Failure, 0);
    let probe = bench.acquire(1000).unwrap();
    drop(stale);
    assert_eq!(bench.acquire(1001).unwrap_err(), open());
    probe.record(Outcome::Success, bench.at(1002));
    assert_eq!(bench.state(1002), State::Closed);
}

#[test]
fn an_operator_lets_none_run() {
    let bench = Bench::new(options());
    let running = bench.acquire(0).unwrap();
    bench.control(Control::ForcedOpen, 10);
    bench.control(Control::ForcedOpen, 20);
    assert_eq!(bench.acquire(1_000_000).unwrap_err(), open());
    running.record(Outcome::Success, bench.at(1_000_000));
    assert_eq!(bench.state(1_000_000), State::ForcedOpen);

    bench.control(Control::Automatic, 1_000_001);
    let probe = bench.acquire(1_000_002).unwrap();
    assert!(probe.is_probe());
    probe.record(Outcome::Success, bench.at(1_000_003));
    assert_eq!(
        bench.transitions(),
        [
            (10, State::Closed, State::ForcedOpen),
            (1_000_001, State::ForcedOpen, State::HalfOpen),
            (1_000_003, State::HalfOpen, State::Closed),
        ]
    );
}

#[test]
fn an_operator_lets_all_run() {
    let bench = Bench::new(Options { capacity: Some(1), volume_threshold: 2, ..options() });
    bench.call(Outcome::Failure, 0);
    bench.control(Control::ForcedClosed, 1);
    for at_ms in 2..10 {
        bench.call(Outcome::Failure, at_ms);
    }
    let held = bench.acquire(10).unwrap();
    assert_eq!(bench.acquire(10).unwrap_err(), Refusal::Capacity);
    bench.control(Control::Automatic, 11);
    held.record(Outcome::Failure, bench.at(12));
    bench.call(Outcome::Failure, 13);
    assert_eq!(bench.state(13), State::Closed, "the window began empty, without the held call");
    bench.call(Outcome::Failure, 14);
    assert_eq!(bench.state(14), State::Open);
}

#[test]
fn automatic_changes_nothing_where_no_operator_decides() {
    let bench = Bench::new(options());
    bench.control(Control::Automatic, 0);
    bench.call(Outcome::Failure, 1);
    bench.control(Control::Automatic, 2);
    assert_eq!(bench.state(1000), State::Open);
    assert_eq!(bench.state(1001), State::HalfOpen);
}

#[test]
fn the_period_grows_with_failed_probes_and_shrinks_with_a_success() {
    let growth = Some(Growth { factor: 3, max: Duration::from_secs(5) });
    let bench = Bench::new(Options { growth, ..options() });
    bench.call(Outcome::Failure, 0);
    bench.call(Outcome::Failure, 1000);
    assert_eq!(bench.state(3999), State::Open);
    bench.call(Outcome::Failure, 4000);
    assert_eq!(bench.state(8999), State::Open);
    bench.call(Outcome::Success, 9000);
    bench.call(Outcome::Failure, 9001);
    assert_eq!(bench.state(10_001), State::HalfOpen);
}

#[test]
fn a_clock_read_earlier_does_not_turn_time_back() {
    let bench = Bench::new(options());
    bench.call(Outcome::Failure, 0);
    assert_eq!(bench.state(1000), State::HalfOpen);
    let probe = bench.acquire(400).unwrap();
    assert_eq!(bench.acquire(1400).unwrap_err(), open(), "the probe began at 1000, not at 400");
    probe.record(Outcome::Failure, bench.at(300));
    assert_eq!(bench.state(2399), State::Open);
    assert_eq!(bench.state(2400), State::HalfOpen);
}

#[test]
fn a_transition_has_the_time_when_it_happened() {
    let bench = Bench::new(options());
    bench.call(Outcome::Failure, 5);
    assert_eq!(bench.state(60_000), State::HalfOpen);
    assert_eq!(
        bench.transitions(),
        [(5, State::Closed, State::Open), (1005, State::Open, State::HalfOpen)]
    );
}

#[test]
fn a_task_that_panics_gives_its_permit_back() {
    let bench = Bench::new(Options { capacity: Some(1), ..options() });
    let permit = bench.acquire(0).unwrap();
    let ended = std::thread::spawn(move || {
        let _held = permit;
        panic!("as planned");
    });
    assert!(ended.join().is_err());
    bench.call(Outcome::Success, 1);
}

#[test]
fn refuses_options_that_cannot_work() {
    let refused =
        |options| CircuitBreaker::new(options, 0, Instant::now(), |_| {}).unwrap_err().to_string();
    let zero = Some(Growth { factor: 0, max: Duration::MAX });
    assert!(refused(Options { buckets: 0, ..options() }).contains("not 0"));
    assert!(refused(Options { window: Duration::ZERO, ..options() }).contains("too short"));
    assert!(refused(Options { growth: zero, ..options() }).contains("factor of 0"));
    assert_eq!(Options::default().failure_threshold, Percent::whole(50));
}
