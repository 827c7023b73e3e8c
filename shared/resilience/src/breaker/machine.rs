//! The state machine.

use std::time::{Duration, Instant};

use super::options::{InvalidOptions, Options};
use super::period::OpenPeriods;
use super::state::{Control, Outcome, Refusal, State, Transition};
use super::window::Window;

/// A breaker without a clock or a lock: what it does follows from what it is told, and when.
///
/// Every `now` comes from one monotonic clock. A `now` that lies before an earlier one counts as
/// that one, since tasks that read the clock in one order may get here in another.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    window: Window,
    periods: OpenPeriods,
    phase: Phase,
    /// Of the calls whose results count. It changes with the state and with each probe.
    generation: u64,
    running: u64,
    latest: Instant,
    transitions: Vec<Transition>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open {
        since: Instant,
        period: Duration,
    },
    /// `probe` is when the one under way began. Its ticket has the machine's generation.
    HalfOpen {
        probe: Option<Instant>,
    },
    ForcedOpen,
    ForcedClosed,
}

impl Phase {
    fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
            Self::ForcedOpen => State::ForcedOpen,
            Self::ForcedClosed => State::ForcedClosed,
        }
    }
}

/// Leave to run one call. It must come back, by [`Machine::record`] or [`Machine::release`], or
/// its place is lost; [`Permit`](super::Permit) sees to that by itself.
#[derive(Debug)]
#[must_use = "give it back with `record` or `release`"]
pub struct Ticket {
    generation: u64,
    is_probe: bool,
}

impl Ticket {
    /// Is this the one call that decides whether a half-open breaker closes?
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

impl Machine {
    /// A closed breaker, made `now`. `seed` decides the jitter, and nothing without one.
    pub fn new(options: Options, seed: u64, now: Instant) -> Result<Self, InvalidOptions> {
        options.check()?;
        Ok(Self {
            window: Window::new(now, options.bucket_length(), options.buckets),
            periods: OpenPeriods::new(&options, seed),
            options,
            phase: Phase::Closed,
            generation: 0,
            running: 0,
            latest: now,
            transitions: Vec::new(),
        })
    }

    /// The state now. It is the same for everybody else whether anybody asks or not.
    pub fn state(&mut self, now: Instant) -> State {
        self.advance(now);
        self.phase.state()
    }

    /// Asks to run a call now.
    pub fn try_acquire(&mut self, now: Instant) -> Result<Ticket, Refusal> {
        let now = self.advance(now);
        match self.phase {
            Phase::Open { since, period } => {
                let open_for = now.saturating_duration_since(since);
                let retry_after = Some(period.saturating_sub(open_for));
                return Err(Refusal::Open { retry_after });
            }
            Phase::ForcedOpen | Phase::HalfOpen { probe: Some(_) } => {
                return Err(Refusal::Open { retry_after: None });
            }
            Phase::Closed | Phase::ForcedClosed | Phase::HalfOpen { probe: None } => {}
        }
        if self.options.capacity.is_some_and(|capacity| self.running >= capacity) {
            return Err(Refusal::Capacity);
        }
        self.running += 1;
        let is_probe = matches!(self.phase, Phase::HalfOpen { .. });
        if is_probe {
            self.generation += 1;
            self.phase = Phase::HalfOpen { probe: Some(now) };
        }
        Ok(Ticket { generation: self.generation, is_probe })
    }

    /// Says how the call of `ticket` ended now.
    pub fn record(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) {
        let now = self.advance(now);
        self.running -= 1;
        if ticket.generation != self.generation {
            return;
        }
        match self.phase {
            Phase::Closed => {
                self.window.add(outcome.is_failure(), now);
                if outcome.is_failure() && self.has_too_many_failures(now) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { probe: Some(_) } if outcome.is_failure() => self.open(now),
            Phase::HalfOpen { probe: Some(_) } => self.close(now),
            // A probe beyond its deadline, or an operator decides.
            Phase::HalfOpen { probe: None }
            | Phase::Open { .. }
            | Phase::ForcedOpen
            | Phase::ForcedClosed => {}
        }
    }

    /// Takes `ticket` back without a result, as if its call had never run.
    pub fn release(&mut self, ticket: Ticket) {
        self.running -= 1;
        if let Phase::HalfOpen { probe } = &mut self.phase
            && ticket.generation == self.generation
        {
            *probe = None;
        }
    }

    /// Follows an operator, who may repeat himself. After [`Control::ForcedOpen`] a probe decides;
    /// after [`Control::ForcedClosed`] the window begins empty.
    pub fn control(&mut self, control: Control, now: Instant) {
        let now = self.advance(now);
        match (control, self.phase) {
            (Control::Automatic, Phase::ForcedOpen) => {
                self.enter(Phase::HalfOpen { probe: None }, now);
            }
            (Control::Automatic, Phase::ForcedClosed) => self.close(now),
            (Control::ForcedOpen, _) => self.enter(Phase::ForcedOpen, now),
            (Control::ForcedClosed, _) => self.enter(Phase::ForcedClosed, now),
            (Control::Automatic, _) => {}
        }
    }

    /// The changes of state since this was last asked, in order.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// Does what the clock alone does. Returns the time that counts as now.
    fn advance(&mut self, now: Instant) -> Instant {
        let now = now.max(self.latest);
        self.latest = now;
        if let Phase::Open { since, period } = self.phase
            && now.saturating_duration_since(since) >= period
        {
            self.enter(Phase::HalfOpen { probe: None }, since + period);
        }
        if let Phase::HalfOpen { probe } = &mut self.phase {
            let deadline = self.options.probe_deadline;
            probe.take_if(|began| now.saturating_duration_since(*began) >= deadline);
        }
        now
    }

    fn has_too_many_failures(&mut self, now: Instant) -> bool {
        let counts = self.window.counts(now);
        counts.calls >= self.options.volume_threshold
            && self.options.failure_threshold.is_exceeded_by(counts.failures, counts.calls)
    }

    fn open(&mut self, now: Instant) {
        let period = self.periods.next();
        self.enter(Phase::Open { since: now, period }, now);
    }

    fn close(&mut self, now: Instant) {
        self.window.clear();
        self.periods.reset();
        self.enter(Phase::Closed, now);
    }

    fn enter(&mut self, phase: Phase, at: Instant) {
        let (from, to) = (self.phase.state(), phase.state());
        if from == to {
            return;
        }
        self.phase = phase;
        self.generation += 1;
        self.transitions.push(Transition { at, from, to });
    }
}
