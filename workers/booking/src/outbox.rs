//! Publishing what is committed.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, OutgoingEvent};
use resilience::RetryDelays;
use store::booking::outbox::{CommittedEvent, CountPending, take};
use store::booking::{Failure, Pool, Transaction, Work};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// Facts that are published together, at most. Their rows are locked meanwhile.
pub const FACTS_AT_ONCE: usize = 500;

/// Pauses after a failure, so that an outage of either side isn't hammered.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Where facts go.
pub trait PublishFacts: Sync {
    /// Returns once all of them are durable; repeating it is harmless.
    fn publish(&self, facts: &[OutgoingEvent]) -> impl Future<Output = Result<(), String>> + Send;
}

impl PublishFacts for Bus {
    async fn publish(&self, facts: &[OutgoingEvent]) -> Result<(), String> {
        self.publish_events(facts).await.map_err(|error| error.to_string())
    }
}

/// Publishes the oldest facts that nobody else is publishing, removes them from the outbox, and
/// counts them. A crash between the two publishes them again, under the same ids.
pub async fn publish_outbox(pool: &Pool, publisher: &impl PublishFacts) -> Result<usize, Failure> {
    let published = pool.transact(&PublishOutbox { publisher }).await?;
    metrics::PUBLISHED.inc_by(published as u64);
    Ok(published)
}

struct PublishOutbox<'a, P> {
    publisher: &'a P,
}

impl<P: PublishFacts> Work for PublishOutbox<'_, P> {
    type Output = usize;
    const NAME: &'static str = "publish_outbox";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<usize, Failure> {
        let facts = take(transaction, FACTS_AT_ONCE).await?;
        if !facts.is_empty() {
            let outgoing: Vec<OutgoingEvent> = facts.into_iter().map(outgoing).collect();
            self.publisher.publish(&outgoing).await.map_err(Failure::Abandoned)?;
            return Ok(outgoing.len());
        }
        Ok(0)
    }
}

fn outgoing(event: CommittedEvent) -> OutgoingEvent {
    OutgoingEvent {
        id: event.id,
        kind: event.kind,
        aggregate_version: event.aggregate_version,
        body: event.body.into_bytes(),
        correlation_id: event.correlation_id,
        request_id: event.request_id,
        actor: event.actor,
        trace: event.trace,
    }
}

/// Publishes whatever this worker commits at once, and sweeps up what others left behind.
pub(crate) struct OutboxLoop<P> {
    pub pool: Pool,
    pub publisher: P,
    /// Told after each commit.
    pub filled: Arc<Notify>,
    /// Pause of the sweep.
    pub idle: Duration,
    /// Cancelled once nothing is committed any more.
    pub finished: CancellationToken,
}

impl<P: PublishFacts> OutboxLoop<P> {
    /// Runs until the end of the work, and then until the outbox is empty or can't be emptied.
    pub async fn run(self) {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        let mut is_failing = false;
        loop {
            let is_last = self.finished.is_cancelled();
            let flushed = self.flush().await;
            if let Err(failure) = &flushed
                && (is_last || !is_failing)
            {
                tracing::warn!(%failure, "facts wait in the outbox");
            }
            if is_last {
                return;
            }
            is_failing = flushed.is_err();
            if is_failing {
                self.pause(pauses.next_delay()).await;
            } else {
                pauses.reset();
                self.until_needed().await;
            }
        }
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.finished.cancelled() => {}
        }
    }

    async fn until_needed(&self) {
        tokio::select! {
            () = self.filled.notified() => {}
            () = tokio::time::sleep(self.idle) => self.count_pending().await,
            () = self.finished.cancelled() => {}
        }
    }

    /// Publishes until a step wasn't full.
    async fn flush(&self) -> Result<(), Failure> {
        while publish_outbox(&self.pool, &self.publisher).await? == FACTS_AT_ONCE {}
        Ok(())
    }

    async fn count_pending(&self) {
        // An outage shows in the next step.
        if let Ok(pending) = self.pool.transact(&CountPending).await {
            metrics::PENDING.set(pending.facts);
            // Once for each that is found, not with every look.
            if pending.unknown > metrics::UNKNOWN_FACTS.get() {
                tracing::error!(
                    facts = pending.unknown,
                    "facts in the outbox are of a kind that this version doesn't know: they wait \
                     for a worker that does"
                );
            }
            metrics::UNKNOWN_FACTS.set(pending.unknown);
        }
    }
}
