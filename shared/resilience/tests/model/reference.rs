//! The breaker by its definition: it remembers every call, and lets time pass a millisecond at a
//! time.

use std::time::Duration;

use resilience::breaker::{Control, Outcome, Refusal, State};

/// The options, in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub threshold_percent: u8,
    pub volume: u64,
    pub bucket_ms: u64,
    pub buckets: u64,
    pub open_ms: u64,
    pub factor: u64,
    pub max_open_ms: u64,
    pub deadline_ms: u64,
    pub capacity: Option<u64>,
}

/// A call that was let through, and what became of it.
#[derive(Debug)]
struct Call {
    /// How many changes of state there had been.
    era: usize,
    running: bool,
    /// When it finished, and whether it failed, if that counted.
    counted: Option<(u64, bool)>,
}

#[derive(Debug)]
pub struct Reference {
    settings: Settings,
    pub now_ms: u64,
    state: State,
    pub changes: Vec<(u64, State, State)>,
    calls: Vec<Call>,
    /// The probe's number among the calls, and when it began.
    probe: Option<(usize, u64)>,
    half_open_at_ms: u64,
    /// How often it opened by itself since it was last closed.
    openings: u32,
}

impl Reference {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            now_ms: 0,
            state: State::Closed,
            changes: Vec::new(),
            calls: Vec::new(),
            probe: None,
            half_open_at_ms: 0,
            openings: 0,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Lets time pass.
    pub fn wait(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            if self.state == State::Open && self.now_ms == self.half_open_at_ms {
                self.change(State::HalfOpen);
            }
            let deadline_ms = self.settings.deadline_ms;
            self.probe = self.probe.filter(|(_, began_ms)| began_ms + deadline_ms > self.now_ms);
        }
    }

    /// The number of the call, and whether it is the probe.
    pub fn acquire(&mut self) -> Result<(usize, bool), Refusal> {
        match self.state {
            State::Open => {
                let retry_after = Some(Duration::from_millis(self.half_open_at_ms - self.now_ms));
                return Err(Refusal::Open { retry_after });
            }
            State::HalfOpen if self.probe.is_some() => {
                return Err(Refusal::Open { retry_after: None });
            }
            State::ForcedOpen => return Err(Refusal::Open { retry_after: None }),
            State::HalfOpen | State::Closed | State::ForcedClosed => {}
        }
        let running = self.calls.iter().filter(|call| call.running).count() as u64;
        if self.settings.capacity.is_some_and(|capacity| running >= capacity) {
            return Err(Refusal::Capacity);
        }
        let number = self.calls.len();
        self.calls.push(Call { era: self.changes.len(), running: true, counted: None });
        let is_probe = self.state == State::HalfOpen;
        if is_probe {
            self.probe = Some((number, self.now_ms));
        }
        Ok((number, is_probe))
    }

    pub fn end(&mut self, number: usize, outcome: Outcome) {
        let failed = outcome != Outcome::Success;
        self.calls[number].running = false;
        if self.probe.is_some_and(|(probe, _)| probe == number) {
            if failed {
                self.open();
            } else {
                self.openings = 0;
                self.change(State::Closed);
            }
        } else if self.state == State::Closed && self.calls[number].era == self.changes.len() {
            self.calls[number].counted = Some((self.now_ms, failed));
            if failed && self.too_many_failed() {
                self.open();
            }
        }
    }

    pub fn drop(&mut self, number: usize) {
        self.calls[number].running = false;
        self.probe = self.probe.filter(|(probe, _)| *probe != number);
    }

    pub fn control(&mut self, control: Control) {
        match (control, self.state) {
            (Control::ForcedOpen, _) => self.change(State::ForcedOpen),
            (Control::ForcedClosed, _) => self.change(State::ForcedClosed),
            (Control::Automatic, State::ForcedOpen) => self.change(State::HalfOpen),
            (Control::Automatic, State::ForcedClosed) => {
                self.openings = 0;
                self.change(State::Closed);
            }
            (Control::Automatic, _) => {}
        }
    }

    /// Of the calls of this era that finished in the newest buckets.
    fn too_many_failed(&self) -> bool {
        let bucket = |at_ms: u64| at_ms / self.settings.bucket_ms;
        let first = (bucket(self.now_ms) + 1).saturating_sub(self.settings.buckets);
        let in_window: Vec<bool> = self
            .calls
            .iter()
            .filter(|call| call.era == self.changes.len())
            .filter_map(|call| call.counted)
            .filter(|(at_ms, _)| bucket(*at_ms) >= first)
            .map(|(_, failed)| failed)
            .collect();
        let all = in_window.len() as u64;
        let failed = in_window.iter().filter(|failed| **failed).count() as u64;
        all >= self.settings.volume
            && failed * 100 > all * u64::from(self.settings.threshold_percent)
    }

    fn open(&mut self) {
        let mut period_ms = self.settings.open_ms;
        for _ in 0..self.openings {
            period_ms = (period_ms * self.settings.factor).min(self.settings.max_open_ms);
        }
        self.openings += 1;
        self.half_open_at_ms = self.now_ms + period_ms.max(self.settings.open_ms);
        self.change(State::Open);
    }

    fn change(&mut self, to: State) {
        if self.state != to {
            self.changes.push((self.now_ms, self.state, to));
            self.state = to;
            self.probe = None;
        }
    }
}
