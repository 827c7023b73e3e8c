//! From a batch of deliveries to settled messages: decode, handle, and do what the verdicts say.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use contracts::Outcome;
use domain::SharedClock;
use futures::FutureExt;
use resilience::RetryDelays;
use runtime::Shutdown;
use tokio::time::{Instant, sleep, timeout};

use super::dead_letter::Failures;
use super::delivery::{Delivery, Settlement};
use super::handler::{BatchHandler, DeadReason, HandleError, Received, Verdict};
use crate::message::metadata;
use crate::{Bus, metrics};

/// Failures of one message by itself before it becomes a dead letter.
const MAX_FAILURES: i32 = 5;

/// Delays between the tries of a message that fails by itself.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// Delays between the probes of a dependency that is away.
const PROBE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A handler that takes longer hangs on something: it is treated as an outage.
const HANDLE_PATIENCE: Duration = Duration::from_secs(30);

/// Outages in a row of a batch, with a dependency that answers in between, before the batch itself
/// is taken for their cause: it may be too much at once.
const MAX_OUTAGES: u32 = 3;

/// Class of such a batch. It is halved as any other that fails; a message that causes outages by
/// itself is tried again, ever more seldom, for as long as it takes.
const OUTAGE: &str = "outage";

/// How long a message waits whose dead letter could not be written.
const DEAD_LETTER_RETRY: Duration = Duration::from_secs(5);

pub(super) struct Settling<H> {
    pub bus: Bus,
    pub consumer: &'static str,
    pub buries: bool,
    pub handler: H,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// The soft stop came while a dependency was away: what isn't settled goes back.
pub(super) struct Stopped;

impl<H: BatchHandler> Settling<H> {
    /// Settles everything it is given in as few steps as it can, or gives it back.
    pub(super) async fn settle_together(&self, batch: Vec<Delivery>) {
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut received = Vec::with_capacity(batch.len());
        for delivery in batch {
            match self.read(&delivery) {
                Ok(message) => {
                    received.push(message);
                    deliveries.push(Some(delivery));
                }
                Err(reason) => {
                    let now = self.clock.now();
                    let failures =
                        Failures { attempts: delivery.deliveries, first_at: now, last_at: now };
                    self.bury(delivery, &reason, failures).await;
                }
            }
        }
        // Later halves wait on the stack, so that the stream's order is kept.
        let mut pending = Vec::new();
        pending.push(0..received.len());
        while let Some(range) = pending.pop() {
            if range.is_empty() {
                continue;
            }
            match self.handle(&received[range.clone()]).await {
                Ok(Ok(verdicts)) => {
                    for (index, verdict) in range.zip(verdicts) {
                        if let Some(delivery) = deliveries[index].take() {
                            self.apply(delivery, &received[index], verdict).await;
                        }
                    }
                }
                Ok(Err(failed)) if range.len() > 1 => {
                    tracing::warn!(
                        consumer = self.consumer,
                        error_class = failed.class,
                        detail = failed.detail,
                        messages = range.len(),
                        "batch failed: halving it"
                    );
                    let middle = range.start + range.len() / 2;
                    pending.push(middle..range.end);
                    pending.push(range.start..middle);
                }
                Ok(Err(failed)) => {
                    if let Some(delivery) = deliveries[range.start].take() {
                        self.fail_alone(delivery, failed).await;
                    }
                }
                Err(Stopped) => return,
            }
        }
    }

    fn read(&self, delivery: &Delivery) -> Result<Received<H::Message>, DeadReason> {
        let metadata = metadata(delivery.headers.as_ref())
            .map_err(|error| DeadReason { class: "envelope", detail: error.to_string() })?;
        let in_subject = contracts::subjects::parse_command(&delivery.subject);
        if in_subject.is_none_or(|(_, id)| id != metadata.request_id) {
            let detail = "subject and envelope name different requests".to_owned();
            return Err(DeadReason { class: "envelope", detail });
        }
        let message = self.handler.decode(&metadata, &delivery.body)?;
        Ok(Received {
            metadata,
            message,
            stream_sequence: delivery.stream_sequence,
            deliveries: delivery.deliveries,
        })
    }

    /// Handles a batch, holding it for as long as a dependency is away. An outage that only this
    /// batch has is a failure of the batch.
    async fn handle(
        &self,
        batch: &[Received<H::Message>],
    ) -> Result<Result<Vec<Verdict>, DeadReason>, Stopped> {
        let mut held = false;
        let mut outages = 0;
        loop {
            let started = Instant::now();
            // A panic is a failure of this batch, not of the worker.
            let handling = AssertUnwindSafe(self.handler.handle(batch)).catch_unwind();
            let error = match timeout(HANDLE_PATIENCE, handling).await {
                Ok(Ok(Ok(verdicts))) if verdicts.len() == batch.len() => {
                    let consumer = &[self.consumer];
                    let seconds = started.elapsed().as_secs_f64();
                    metrics::get().handled_seconds.with_label_values(consumer).observe(seconds);
                    let messages = batch.len() as f64;
                    metrics::get().handled_batch.with_label_values(consumer).observe(messages);
                    if held {
                        tracing::info!(consumer = self.consumer, "dependency is back");
                    }
                    return Ok(Ok(verdicts));
                }
                Ok(Ok(Ok(_))) => HandleError::Failed {
                    class: "verdicts",
                    detail: "the handler gave another number of verdicts than messages".into(),
                },
                Ok(Ok(Err(error))) => error,
                Ok(Err(_panic)) => {
                    HandleError::Failed { class: "panic", detail: "the handler panicked".into() }
                }
                Err(_) => HandleError::Outage("the handler takes too long".into()),
            };
            match error {
                HandleError::Failed { class, detail } => {
                    return Ok(Err(DeadReason { class, detail }));
                }
                HandleError::Outage(cause) => {
                    if !held {
                        metrics::get().holds.with_label_values(&[self.consumer]).inc();
                        tracing::warn!(consumer = self.consumer, cause, "holding work");
                    }
                    held = true;
                    let was_away = self.wait_for_dependency().await?;
                    outages = if was_away { 0 } else { outages + 1 };
                    if outages == MAX_OUTAGES {
                        return Ok(Err(DeadReason { class: OUTAGE, detail: cause }));
                    }
                }
            }
        }
    }

    /// Probes until the dependency is back, and says whether it was away at all. What is in hand
    /// is kept alive meanwhile.
    pub(super) async fn wait_for_dependency(&self) -> Result<bool, Stopped> {
        let mut delays = RetryDelays::new(PROBE.0, PROBE.1);
        let mut was_away = false;
        loop {
            tokio::select! {
                () = sleep(delays.next_delay()) => {}
                () = self.shutdown.soft_stopped() => return Err(Stopped),
            }
            match self.handler.probe().await {
                Ok(()) => return Ok(was_away),
                Err(cause) => {
                    was_away = true;
                    tracing::debug!(consumer = self.consumer, cause, "still away");
                }
            }
        }
    }

    /// A message that can't be handled even alone.
    async fn fail_alone(&self, delivery: Delivery, failed: DeadReason) {
        let recorded = self.handler.record_failure(delivery.stream_sequence, failed.class).await;
        let Ok(count) = recorded else {
            // The store is away: this try doesn't count.
            self.retry(delivery, 1, failed.class);
            return;
        };
        if failed.class != OUTAGE && count.failures >= MAX_FAILURES {
            let failures = Failures {
                attempts: i64::from(count.failures),
                first_at: count.first_failure_at,
                last_at: self.clock.now(),
            };
            self.bury(delivery, &failed, failures).await;
        } else {
            self.retry(delivery, count.failures.unsigned_abs(), failed.class);
        }
    }

    fn retry(&self, delivery: Delivery, failures: u32, class: &'static str) {
        let after = RetryDelays::new(RETRY.0, RETRY.1).delay_after(failures);
        tracing::warn!(
            consumer = self.consumer,
            stream_sequence = delivery.stream_sequence,
            error_class = class,
            failures,
            "message failed: it will be tried again"
        );
        self.count("retry");
        delivery.settle(&Settlement::Nak(after));
    }

    async fn apply(&self, delivery: Delivery, received: &Received<H::Message>, verdict: Verdict) {
        match verdict {
            Verdict::Done(outcome) => {
                // Whoever waits hears of it before the server does.
                self.reply(received, &outcome).await;
                self.count("done");
                delivery.settle(&Settlement::Ack);
            }
            Verdict::Retry { after, class } => {
                tracing::debug!(consumer = self.consumer, error_class = class, "retry");
                self.count("retry");
                delivery.settle(&Settlement::Nak(after));
            }
            Verdict::Dead(reason) => {
                let now = self.clock.now();
                let failures =
                    Failures { attempts: delivery.deliveries, first_at: now, last_at: now };
                self.bury(delivery, &reason, failures).await;
            }
        }
    }

    async fn reply(&self, received: &Received<H::Message>, outcome: &Outcome) {
        // Only api's own subjects: a message must not make a worker publish anywhere else.
        let reply_to = received.metadata.reply_to.as_deref();
        let Some(subject) = reply_to.filter(|subject| is_reply_subject(subject)) else { return };
        let Ok(body) = serde_json::to_vec(outcome) else { return };
        // Lost replies cost nobody the truth: the outcome is in the inbox.
        if self.bus.client.publish(subject.to_owned(), body.into()).await.is_err() {
            tracing::debug!("could not reply: the connection is closed");
        }
    }

    /// The dead letter first, durably; only then is the original terminated.
    pub(super) async fn bury(&self, delivery: Delivery, reason: &DeadReason, failures: Failures) {
        if !self.buries {
            self.count("left");
            delivery.settle(&Settlement::Ack);
            return;
        }
        match self.bus.write_dead_letter(&delivery, self.consumer, reason, failures).await {
            Ok(()) => {
                self.count("dead");
                delivery.settle(&Settlement::Term(reason.class));
            }
            Err(error) => {
                tracing::warn!(%error, "dead letter not written: the message stays");
                delivery.settle(&Settlement::Nak(DEAD_LETTER_RETRY));
            }
        }
    }

    fn count(&self, verdict: &str) {
        metrics::get().verdicts.with_label_values(&[self.consumer, verdict]).inc();
    }
}

fn is_reply_subject(subject: &str) -> bool {
    subject.strip_prefix("mc.reply.").is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_go_to_reply_subjects_only() {
        assert!(is_reply_subject("mc.reply.abc123.0195-ff"));
        for subject in ["", "mc.cmd.booking.book.x", "mc.reply.>", "mc.reply.a b", "mc.reply.*"] {
            assert!(!is_reply_subject(subject), "{subject}");
        }
    }
}
