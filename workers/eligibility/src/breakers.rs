//! The payers' breakers of this process: what operators have decided comes in through a key-value
//! bucket that every worker watches, and how the breakers stand goes out through another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::kv::Operation;
use bus::{Bus, KvBucket};
use contracts::{BreakerControl, BreakerOrder, BreakerReport, ReportKey};
use domain::{PayerId, SharedClock};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use resilience::breaker::{
    CircuitBreaker, Control, InvalidOptions, Options, Percent, State, Transition,
};
use runtime::Shutdown;
use runtime::settings::EligibilitySettings;
use tokio::sync::Notify;

use crate::metrics;

/// Pause before NATS is asked again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How often the breakers' states are told although nothing has changed. The bucket forgets them
/// after a minute.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// What a probe gets beyond a call's timeout.
const PROBE_MARGIN: Duration = Duration::from_secs(5);

/// One payer's breaker, as everybody here shares it.
pub(crate) struct PayerBreaker {
    pub breaker: CircuitBreaker,
    /// Told when an operator has decided.
    pub wake: Arc<Notify>,
    seen: Arc<Mutex<Seen>>,
}

/// The state that was seen last.
#[derive(Clone, Copy)]
struct Seen {
    state: State,
    since: Timestamp,
}

/// All breakers of this process.
pub(crate) struct Breakers {
    options: Options,
    instance: String,
    clock: SharedClock,
    changed: Arc<Notify>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    breakers: HashMap<PayerId, Arc<PayerBreaker>>,
    /// Decisions, also about payers that nobody has asked yet.
    controls: HashMap<PayerId, Control>,
}

impl Breakers {
    pub fn new(
        settings: &EligibilitySettings,
        instance: &str,
        clock: SharedClock,
    ) -> Result<Self, InvalidOptions> {
        let options = options(settings);
        options.check()?;
        Ok(Self {
            options,
            instance: instance.to_owned(),
            clock,
            changed: Arc::new(Notify::new()),
            known: Mutex::default(),
        })
    }

    /// The payer's breaker, made when it is first needed, as operators want it.
    pub fn of(&self, payer: &PayerId) -> Arc<PayerBreaker> {
        let mut known = self.known();
        if let Some(breaker) = known.breakers.get(payer) {
            return Arc::clone(breaker);
        }
        let breaker = Arc::new(self.make(payer));
        if let Some(control) = known.controls.get(payer) {
            breaker.breaker.control(*control, Instant::now());
        }
        known.breakers.insert(payer.clone(), Arc::clone(&breaker));
        self.changed.notify_one();
        breaker
    }

    fn make(&self, payer: &PayerId) -> PayerBreaker {
        let seen = Arc::new(Mutex::new(Seen { state: State::Closed, since: self.clock.now() }));
        show(payer, State::Closed);
        let observe = {
            let (payer, clock) = (payer.clone(), Arc::clone(&self.clock));
            let (seen, changed) = (Arc::clone(&seen), Arc::clone(&self.changed));
            move |Transition { from, to, .. }: Transition| {
                let labels = &[payer.as_str(), from.as_str(), to.as_str()];
                metrics::TRANSITIONS.with_label_values(labels).inc();
                show(&payer, to);
                tracing::warn!(%payer, %from, %to, "a payer's circuit breaker changed");
                *seen.lock().unwrap_or_else(PoisonError::into_inner) =
                    Seen { state: to, since: clock.now() };
                changed.notify_one();
            }
        };
        let breaker = CircuitBreaker::new(self.options.clone(), 0, Instant::now(), observe)
            .expect("the options were checked when this was made");
        PayerBreaker { breaker, wake: Arc::new(Notify::new()), seen }
    }

    fn control(&self, payer: PayerId, control: Control) {
        let mut known = self.known();
        let before = known.controls.insert(payer.clone(), control);
        if let Some(found) = known.breakers.get(&payer)
            && before != Some(control)
        {
            found.breaker.control(control, Instant::now());
            found.wake.notify_one();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns what operators have decided so far. Nobody is asked before this is known.
    pub async fn learn(&self, bus: &Bus) {
        while let Err(reason) = self.learn_once(bus).await {
            tracing::warn!(reason, "waiting for operators' decisions about breakers");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn learn_once(&self, bus: &Bus) -> Result<(), String> {
        let bucket = bus.key_value(KvBucket::BreakerControls).await.map_err(|e| e.to_string())?;
        let keys = bucket.keys().await.map_err(|error| error.to_string())?;
        let keys: Vec<String> = keys.try_collect().await.map_err(|error| error.to_string())?;
        for key in keys {
            if let Some(value) = bucket.get(&key).await.map_err(|error| error.to_string())? {
                self.follow(&key, &value);
            }
        }
        Ok(())
    }

    /// Follows what operators decide from now on. While NATS is away the last decision holds.
    pub async fn watch(self: Arc<Self>, bus: Bus) {
        loop {
            if let Err(reason) = self.watch_once(&bus).await {
                tracing::warn!(reason, "operators' decisions about breakers aren't heard of");
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn watch_once(&self, bus: &Bus) -> Result<(), String> {
        let bucket = bus.key_value(KvBucket::BreakerControls).await.map_err(|e| e.to_string())?;
        let mut entries = bucket.watch_with_history(">").await.map_err(|e| e.to_string())?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| error.to_string())?;
            match (entry.operation, entry.key.parse()) {
                (Operation::Put, _) => self.follow(&entry.key, &entry.value),
                (Operation::Delete | Operation::Purge, Ok(payer)) => {
                    self.control(payer, Control::Automatic);
                }
                (Operation::Delete | Operation::Purge, Err(_)) => {}
            }
        }
        Err("the watch ended".to_owned())
    }

    fn follow(&self, key: &str, value: &[u8]) {
        let order = serde_json::from_slice::<BreakerOrder>(value);
        if let (Ok(payer), Ok(order)) = (key.parse(), order) {
            self.control(payer, control(order.control));
        } else {
            tracing::warn!("a breaker control can't be read: the breaker stays as it was");
        }
    }

    /// Tells how the breakers stand, at each change and every now and then.
    pub async fn report(self: Arc<Self>, bus: Bus, shutdown: Shutdown) {
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(REPORT_EVERY) => {}
                () = shutdown.soft_stopped() => break,
            }
            let reported = self.report_once(&bus).await;
            if let Err(reason) = &reported
                && !is_failing
            {
                tracing::warn!(reason, "breakers' states aren't told");
            }
            is_failing = reported.is_err();
        }
        // Whoever looks shouldn't find a worker that is gone.
        if let Err(reason) = self.withdraw_reports(&bus).await {
            tracing::debug!(reason, "reports are left to disappear by themselves");
        }
    }

    async fn report_once(&self, bus: &Bus) -> Result<(), String> {
        let reports = self.reports();
        if reports.is_empty() {
            return Ok(());
        }
        let bucket = bus.key_value(KvBucket::BreakerStates).await.map_err(|e| e.to_string())?;
        for (key, report) in reports {
            let value = serde_json::to_vec(&report).map_err(|error| error.to_string())?;
            bucket.put(key.to_string(), value.into()).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn withdraw_reports(&self, bus: &Bus) -> Result<(), String> {
        let bucket = bus.key_value(KvBucket::BreakerStates).await.map_err(|e| e.to_string())?;
        for (key, _) in self.reports() {
            bucket.delete(key.to_string()).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn reports(&self) -> Vec<(ReportKey, BreakerReport)> {
        let known = self.known();
        let report = |(payer, breaker): (&PayerId, &Arc<PayerBreaker>)| {
            // The state follows from the clock, and only who looks sees it change.
            breaker.breaker.state(Instant::now());
            let seen = *breaker.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let key = ReportKey { payer: payer.clone(), instance: self.instance.clone() };
            (key, BreakerReport { state: seen.state.as_str().to_owned(), since: seen.since })
        };
        known.breakers.iter().map(report).collect()
    }
}

fn options(settings: &EligibilitySettings) -> Options {
    let percent = u8::try_from(settings.breaker_failure_percent).unwrap_or(100);
    Options {
        failure_threshold: Percent::whole(percent.min(100)),
        volume_threshold: settings.breaker_min_calls,
        window: Duration::from_millis(settings.breaker_window_ms),
        open_period: Duration::from_millis(settings.breaker_open_ms),
        probe_deadline: Duration::from_millis(settings.call_timeout_ms) + PROBE_MARGIN,
        ..Options::default()
    }
}

fn control(control: BreakerControl) -> Control {
    match control {
        BreakerControl::Automatic => Control::Automatic,
        BreakerControl::ForcedOpen => Control::ForcedOpen,
        BreakerControl::ForcedClosed => Control::ForcedClosed,
    }
}

fn show(payer: &PayerId, now: State) {
    for state in State::ALL {
        let gauge = metrics::BREAKER_STATE.with_label_values(&[payer.as_str(), state.as_str()]);
        gauge.set((state == now).into());
    }
}
