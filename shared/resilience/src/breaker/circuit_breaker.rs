//! One breaker for many tasks.

use std::fmt;
use std::sync::PoisonError;
#[cfg(not(test))]
use std::sync::{Arc, Mutex};
use std::time::Instant;

// The unit tests try the interleavings of threads; they own the locks.
#[cfg(test)]
use shuttle::sync::{Arc, Mutex};

use super::machine::{Machine, Ticket};
use super::options::{InvalidOptions, Options};
use super::state::{Control, Outcome, Refusal, State, Transition};

/// A [`Machine`] that many tasks use; its clones are the same breaker.
///
/// Nothing waits in here: the lock is held for a few additions.
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    machine: Machine,
    observe: Box<dyn FnMut(Transition) + Send>,
}

impl CircuitBreaker {
    /// A closed breaker, made `now`. `seed` decides the jitter, and nothing without one.
    ///
    /// `observe` is told of each change of state, in order: once somebody asks or records, which
    /// for the end of an open period may be later than it happened. It is called under the lock:
    /// it must neither use the breaker nor panic.
    pub fn new(
        options: Options,
        seed: u64,
        now: Instant,
        observe: impl FnMut(Transition) + Send + 'static,
    ) -> Result<Self, InvalidOptions> {
        let machine = Machine::new(options, seed, now)?;
        let shared = Shared { machine, observe: Box::new(observe) };
        Ok(Self { shared: Arc::new(Mutex::new(shared)) })
    }

    /// The state now.
    pub fn state(&self, now: Instant) -> State {
        self.with_machine(|machine| machine.state(now))
    }

    /// Asks to run a call now; [`Refusal`] says when to ask again.
    pub fn try_acquire(&self, now: Instant) -> Result<Permit, Refusal> {
        let ticket = self.with_machine(|machine| machine.try_acquire(now))?;
        Ok(Permit { breaker: self.clone(), ticket: Some(ticket) })
    }

    /// Follows an operator; the same again changes nothing. After [`Control::ForcedOpen`] a probe
    /// decides; after [`Control::ForcedClosed`] the window begins empty.
    pub fn control(&self, control: Control, now: Instant) {
        self.with_machine(|machine| machine.control(control, now));
    }

    fn with_machine<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        // The machine is whole between its steps, whatever became of an observer.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { machine, observe } = &mut *shared;
        let answer = act(machine);
        machine.take_transitions().into_iter().for_each(observe);
        answer
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").finish_non_exhaustive()
    }
}

/// Leave to run one call. Dropped without a result, as when its task is cancelled, it counts as
/// neither success nor failure, and its place is free again.
#[derive(Debug)]
#[must_use = "the call may run only as long as this lives"]
pub struct Permit {
    breaker: CircuitBreaker,
    /// `None` once it was given back.
    ticket: Option<Ticket>,
}

impl Permit {
    /// Says how the call ended now.
    pub fn record(mut self, outcome: Outcome, now: Instant) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.with_machine(|machine| machine.record(ticket, outcome, now));
        }
    }

    /// Is this the one call that decides whether a half-open breaker closes?
    pub fn is_probe(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_probe)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.with_machine(|machine| machine.release(ticket));
        }
    }
}

#[cfg(test)]
#[path = "circuit_breaker_tests.rs"]
mod tests;
