//! Threads that use one breaker, in every order or in many.
//!
//! `shuttle` owns the locks and threads of these tests and chooses who runs next; a failure prints
//! the schedule with which it can be repeated.

use std::time::Duration;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;
use shuttle::{check_dfs, check_pct};

use super::*;

/// Schedules for tests with more threads than can be tried in every order.
const SCHEDULES: usize = 5000;

/// Unlucky changes of thread in each of them.
const DEPTH: usize = 4;

const PERIOD: Duration = Duration::from_secs(10);

type Changes = Arc<Mutex<Vec<Transition>>>;

fn breaker(capacity: Option<u64>, now: Instant) -> (CircuitBreaker, Changes) {
    let options =
        Options { volume_threshold: 1, open_period: PERIOD, capacity, ..Options::default() };
    let changes = Changes::default();
    let seen = Arc::clone(&changes);
    let observe = move |change| seen.lock().unwrap().push(change);
    (CircuitBreaker::new(options, 0, now, observe).unwrap(), changes)
}

/// Half-open, though nobody has looked yet, and when that is.
fn half_open(capacity: Option<u64>) -> (CircuitBreaker, Changes, Instant) {
    let origin = Instant::now();
    let (breaker, changes) = breaker(capacity, origin);
    breaker.try_acquire(origin).unwrap().record(Outcome::Failure, origin);
    (breaker, changes, origin + PERIOD)
}

/// Runs `act` on so many threads, and gives what each returned.
fn on_threads<T: Send + 'static>(
    threads: usize,
    act: impl Fn() -> T + Clone + Send + 'static,
) -> Vec<T> {
    let running: Vec<_> = (0..threads).map(|_| thread::spawn(act.clone())).collect();
    running.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn one_probe(threads: usize) {
    let (breaker, _, now) = half_open(None);
    let asking = breaker.clone();
    let mut answers = on_threads(threads, move || asking.try_acquire(now));
    let probe = answers.iter().position(Result::is_ok).unwrap();
    let probe = answers.swap_remove(probe).unwrap();
    assert!(answers.iter().all(Result::is_err), "more than one probe");
    probe.record(Outcome::Success, now);
    assert_eq!(breaker.state(now), State::Closed);
}

#[test]
fn exactly_one_probe_in_every_order_of_two() {
    check_dfs(|| one_probe(2), None);
}

#[test]
fn exactly_one_probe_of_many() {
    check_pct(|| one_probe(5), SCHEDULES, DEPTH);
}

/// Each takes a permit if it can, and drops it without a result. Returns how many could.
fn take_and_drop(threads: usize, breaker: &CircuitBreaker, most: usize, now: Instant) -> usize {
    let (breaker, holders) = (breaker.clone(), Arc::new(AtomicUsize::new(0)));
    let taken = on_threads(threads, move || {
        let Ok(permit) = breaker.try_acquire(now) else { return false };
        assert!(holders.fetch_add(1, Ordering::SeqCst) < most, "too many hold a permit");
        thread::yield_now();
        holders.fetch_sub(1, Ordering::SeqCst);
        drop(permit);
        true
    });
    taken.into_iter().filter(|taken| *taken).count()
}

fn no_lost_probe(threads: usize) {
    let (breaker, _, now) = half_open(None);
    assert!(take_and_drop(threads, &breaker, 1, now) >= 1);
    assert!(breaker.try_acquire(now).unwrap().is_probe());
}

#[test]
fn a_dropped_probe_is_never_lost_in_every_order_of_two() {
    check_dfs(|| no_lost_probe(2), None);
}

#[test]
fn a_dropped_probe_is_never_lost_among_many() {
    check_pct(|| no_lost_probe(4), SCHEDULES, DEPTH);
}

#[test]
fn capacity_is_never_exceeded_nor_lost() {
    check_pct(
        || {
            let now = Instant::now();
            let (breaker, _) = breaker(Some(2), now);
            assert!(take_and_drop(4, &breaker, 2, now) >= 2);
            let both = (breaker.try_acquire(now).unwrap(), breaker.try_acquire(now).unwrap());
            assert_eq!(breaker.try_acquire(now).unwrap_err(), Refusal::Capacity);
            drop(both);
        },
        SCHEDULES,
        DEPTH,
    );
}

/// A probe, a result from before the opening, an operator and a reader at once.
fn all_at_once() {
    let origin = Instant::now();
    let (breaker, changes) = breaker(None, origin);
    let late = breaker.try_acquire(origin).unwrap();
    breaker.try_acquire(origin).unwrap().record(Outcome::Failure, origin);
    let now = origin + PERIOD;

    let late = thread::spawn(move || late.record(Outcome::Failure, now));
    let (probing, operating) = (breaker.clone(), breaker.clone());
    let probe = thread::spawn(move || {
        let Ok(permit) = probing.try_acquire(now) else { return false };
        let was_probe = permit.is_probe();
        permit.record(Outcome::Success, now);
        was_probe
    });
    let operator = thread::spawn(move || {
        operating.control(Control::ForcedOpen, now);
        operating.control(Control::Automatic, now);
    });
    let read = breaker.state(now);
    assert!([State::HalfOpen, State::Closed, State::ForcedOpen].contains(&read), "{read}");
    late.join().unwrap();
    operator.join().unwrap();
    let probed = probe.join().unwrap();

    let changes = changes.lock().unwrap().clone();
    assert!(changes.windows(2).all(|pair| pair[0].to == pair[1].from), "{changes:?}");
    let end = breaker.state(now);
    assert_eq!(changes.last().unwrap().to, end);
    assert!(end == State::HalfOpen || (end == State::Closed && probed), "{end}, {changes:?}");
}

#[test]
fn late_results_and_operators_leave_the_states_in_order() {
    check_pct(all_at_once, SCHEDULES, DEPTH);
}
