//! One payer's checks: taken when they are due, as far as breaker, places and pace allow.
//!
//! New checks, re-checks and what an outage has left go the same way, the longest due first; so an
//! insurer that is back is asked at the usual pace, however much has gathered.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::TraceContext;
use domain::{PayerId, SharedClock};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp, Unit};
use resilience::RetryDelays;
use resilience::breaker::{Permit, Refusal};
use runtime::Shutdown;
use runtime::settings::EligibilitySettings;
use runtime::telemetry::propagation::set_parent;
use store::booking::{Failure, Pool};
use store::eligibility::{Claim, Claimed, Postpone, Settle, Settlement, Stop};
use tokio::task::JoinSet;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::breakers::PayerBreaker;
use crate::insurer::Insurer;
use crate::judgement::{Asked, judge};
use crate::metrics;

/// Pauses after a failure of the database.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Nothing to do: whoever finds something due says so.
const IDLE: Duration = Duration::from_secs(30);

/// Why a check is not asked, in metrics and rows.
pub(crate) const BREAKER_OPEN: &str = "breaker_open";

/// What the loops of all payers share.
pub(crate) struct Desk {
    pub pool: Pool,
    pub insurer: Insurer,
    pub settings: EligibilitySettings,
    pub clock: SharedClock,
    /// Names this process in leases.
    pub owner: Uuid,
}

impl Desk {
    /// As exact as the database stores it.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.round(Unit::Microsecond).unwrap_or(now)
    }

    fn lease_end(&self, now: Timestamp) -> Timestamp {
        now + SignedDuration::from_millis(self.settings.lease_ms.cast_signed())
    }
}

/// The loop of one payer.
pub(crate) struct PayerLoop {
    desk: Arc<Desk>,
    payer: PayerId,
    breaker: Arc<PayerBreaker>,
    pace: DefaultDirectRateLimiter,
    running: JoinSet<Option<Duration>>,
    /// The insurer said that we ask too much.
    held_until: Option<Instant>,
    pauses: RetryDelays,
}

impl PayerLoop {
    pub fn new(desk: Arc<Desk>, payer: PayerId, breaker: Arc<PayerBreaker>) -> Self {
        let per_second = NonZeroU32::new(desk.settings.calls_per_s).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(desk.settings.calls_at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst.min(per_second));
        Self {
            desk,
            payer,
            breaker,
            pace: RateLimiter::direct(quota),
            running: JoinSet::new(),
            held_until: None,
            pauses: RetryDelays::new(PAUSES.0, PAUSES.1),
        }
    }

    /// Runs until the soft stop. Calls under way are dropped then: they count for nothing, and
    /// whoever takes the check next asks again.
    pub async fn run(mut self, shutdown: Shutdown) {
        let wake = Arc::clone(&self.breaker.wake);
        loop {
            let pause = match self.step().await {
                Ok(pause) => {
                    self.pauses.reset();
                    pause
                }
                Err(failure) => {
                    tracing::warn!(payer = %self.payer, %failure, "checks wait for the database");
                    self.pauses.next_delay()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = wake.notified() => {}
                Some(ended) = self.running.join_next() => {
                    if let Ok(Some(hold)) = ended {
                        self.held_until = Some(Instant::now() + hold);
                    }
                }
                () = shutdown.soft_stopped() => break,
            }
        }
        self.running.shutdown().await;
    }

    /// Takes what may be asked now and asks it. Gives when to look again.
    async fn step(&mut self) -> Result<Duration, Failure> {
        let now = Instant::now();
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            return Ok(until - now);
        }
        // Permits first, then checks: what is taken is asked at once.
        let mut permits = Vec::new();
        let room = (self.desk.settings.calls_at_once as usize).saturating_sub(self.running.len());
        let mut look_again = IDLE;
        while permits.len() < room {
            let permit = match self.breaker.breaker.try_acquire(now) {
                Ok(permit) => permit,
                Err(Refusal::Open { retry_after }) => {
                    let poll = Duration::from_millis(self.desk.settings.poll_ms);
                    look_again = retry_after.map_or(poll, |after| after.min(poll));
                    if permits.is_empty() {
                        self.postpone().await?;
                    }
                    break;
                }
                Err(Refusal::Capacity) => break,
            };
            if let Err(too_soon) = self.pace.check() {
                look_again = too_soon.wait_time_from(DefaultClock::default().now());
                break;
            }
            let is_probe = permit.is_probe();
            permits.push(permit);
            if is_probe {
                break;
            }
        }
        if permits.is_empty() {
            return Ok(look_again);
        }
        let wanted = permits.len();
        let until = self.desk.lease_end(self.desk.now());
        let claimed = self.claim(wanted, until).await?;
        let is_full = claimed.len() == wanted;
        for (check, permit) in claimed.into_iter().zip(permits) {
            let (desk, payer) = (Arc::clone(&self.desk), self.payer.clone());
            let span = span(&check);
            self.running.spawn(ask(desk, payer, check, permit, until).instrument(span));
        }
        // A full hand means that there may be more, as soon as breaker and pace allow it.
        Ok(if is_full { look_again.min(Duration::from_millis(1)) } else { IDLE })
    }

    async fn claim(&self, limit: usize, until: Timestamp) -> Result<Vec<Claimed>, Failure> {
        let (payer, owner, at) = (&self.payer, self.desk.owner, self.desk.now());
        let work = Claim { payer, limit: limit as i64, owner, at, until };
        self.desk.pool.transact(&work).await
    }

    /// Whoever waits for the insurer learns that nobody knows.
    async fn postpone(&self) -> Result<(), Failure> {
        let work = Postpone { payer: &self.payer, reason: BREAKER_OPEN, at: self.desk.now() };
        let postponed = self.desk.pool.transact(&work).await?;
        let labels = &[self.payer.as_str(), BREAKER_OPEN];
        metrics::REFUSED.with_label_values(labels).inc_by(postponed);
        Ok(())
    }
}

fn span(check: &Claimed) -> tracing::Span {
    let span = tracing::info_span!(
        "check eligibility",
        correlation_id = %check.correlation_id,
        check_id = %check.id,
        trace_id = check.trace.as_ref().map(TraceContext::trace_id),
    );
    if let Some(parent) = &check.trace {
        set_parent(&span, parent);
    }
    span
}

/// Asks, tells the breaker, and writes down what it came to. Gives for how long nobody should ask
/// this insurer anything.
async fn ask(
    desk: Arc<Desk>,
    payer: PayerId,
    check: Claimed,
    permit: Permit,
    until: Timestamp,
) -> Option<Duration> {
    if check.is_moot {
        drop(permit);
        stop(&desk, &check, until).await;
        return None;
    }
    let began = Instant::now();
    let end = desk.insurer.ask(&payer, &check).await;
    let ended = Instant::now();
    metrics::CALL_TIME.with_label_values(&[payer.as_str()]).observe((ended - began).as_secs_f64());
    let attempts = check.attempts.saturating_add(1).unsigned_abs();
    let pause = RetryDelays::new(
        Duration::from_millis(desk.settings.retry_first_ms),
        Duration::from_millis(desk.settings.retry_max_ms),
    )
    .delay_after(attempts);
    let asked = Asked {
        service_date: check.service_date,
        visit_start: check.visit_start,
        attempts: check.attempts,
        pause,
        recheck_before_visit: SignedDuration::from_hours(
            desk.settings.recheck_before_visit_h.into(),
        ),
        now: desk.now(),
    };
    let judgement = judge(end, &asked);
    if let Some(outcome) = judgement.outcome {
        permit.record(outcome, ended);
    }
    metrics::CALLS.with_label_values(&[payer.as_str(), judgement.word]).inc();
    write_down(&desk, &check, &judgement.settlement, until).await;
    judgement.hold
}

/// Nobody asks any more. If that can't be written down now, somebody finds it again.
async fn stop(desk: &Desk, check: &Claimed, until: Timestamp) {
    let work = Stop { id: check.id, owner: desk.owner, until, at: desk.now() };
    match desk.pool.transact(&work).await {
        Ok(_) => tracing::info!("nobody needs to know any more"),
        Err(failure) => tracing::warn!(%failure, "a check isn't stopped yet"),
    }
}

/// Writes it down, for as long as the check is this worker's.
async fn write_down(desk: &Desk, check: &Claimed, settlement: &Settlement, until: Timestamp) {
    let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
    loop {
        let at = desk.now();
        let (id, owner, correlation_id) = (check.id, desk.owner, check.correlation_id);
        let work = Settle { id, owner, until, settlement, correlation_id, at };
        match desk.pool.transact(&work).await {
            Ok(true) => {
                let status = settlement.status.as_str();
                metrics::SETTLED.with_label_values(&[status]).inc();
                let (class, code) = (settlement.error_class, settlement.error_code.as_deref());
                tracing::info!(status, error_class = class, error_code = code, "check settled");
                return;
            }
            Err(failure) if at < until => {
                tracing::warn!(%failure, "an answer waits to be written down");
                tokio::time::sleep(pauses.next_delay()).await;
            }
            lost => {
                metrics::LEASES_LOST.inc();
                let failure = lost.err().map(|failure| failure.to_string());
                tracing::warn!(failure, "an answer came too late: it will be asked again");
                return;
            }
        }
    }
}
