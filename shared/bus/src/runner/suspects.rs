//! A message that ends its worker's process never reaches a verdict: no error, no failure to
//! count. So what may have done that runs alone, behind a committed row that says "started"; a
//! message that was started a few times and never ended is not started any more.

use super::dead_letter::Failures;
use super::delivery::Delivery;
use super::handler::{BatchHandler, DeadReason, FailureCount};
use super::settle::{Settling, Stopped};
use contracts::dead_letter::QUARANTINED;
use contracts::metadata::header;

/// Class under which a handler's store remembers starts. They are forgotten at the end.
const STARTED: &str = "started";

/// Starts without an end before a message is quarantined. Workers end for other reasons, too:
/// twice at the same message is bad luck that happens.
const MAX_STARTS: i32 = 3;

impl Delivery {
    /// Whether somebody had it in hand before and never said what became of it, or it comes from
    /// the dead letters. What is requeued has been in hand before or hasn't: nobody counted.
    fn is_suspect(&self) -> bool {
        let is_replay =
            || self.headers.as_ref().is_some_and(|it| it.get(header::REPLAY_OF).is_some());
        self.deliveries > 1 || self.is_requeued() || is_replay()
    }
}

impl<H: BatchHandler> Settling<H> {
    /// Settles everything it is given, in its order, or gives it back.
    pub(super) async fn settle(&self, batch: Vec<Delivery>) {
        let mut together = Vec::with_capacity(batch.len());
        for delivery in batch {
            if delivery.is_suspect() {
                self.settle_together(std::mem::take(&mut together)).await;
                self.settle_suspect(delivery).await;
            } else {
                together.push(delivery);
            }
        }
        self.settle_together(together).await;
    }

    /// The row comes before the first look at the message: reading it may be what ends a worker.
    async fn settle_suspect(&self, delivery: Delivery) {
        // Many suspects in a row take a while; after the soft stop the rest goes back.
        if self.shutdown.is_soft_stopped() {
            return;
        }
        let sequence = delivery.stream_sequence;
        let Ok(starts) = self.start(sequence).await else { return };
        if starts.failures > MAX_STARTS {
            self.quarantine(delivery, starts).await;
            return;
        }
        self.settle_together(vec![delivery]).await;
        if self.handler.forget_failures(sequence, STARTED).await.is_err() {
            // The store is away again. It counts as a start without an end, of which there may
            // be a few.
            tracing::warn!(stream_sequence = sequence, "the end of a message was not recorded");
        }
    }

    /// Starts of this message without an end, this one included. While the store is away nothing
    /// is started.
    async fn start(&self, sequence: u64) -> Result<FailureCount, Stopped> {
        loop {
            match self.handler.record_failure(sequence, STARTED).await {
                Ok(starts) => return Ok(starts),
                Err(error) => {
                    tracing::warn!(consumer = self.consumer, ?error, "holding a message");
                    self.wait_for_dependency().await?;
                }
            }
        }
    }

    /// Kept for a person, unexecuted. The starts stay: should the message come again, it is not
    /// tried again.
    async fn quarantine(&self, delivery: Delivery, starts: FailureCount) {
        let reason = DeadReason {
            class: QUARANTINED,
            detail: format!("started {MAX_STARTS} times, and the worker never came to its end"),
        };
        let failures = Failures {
            attempts: MAX_STARTS.into(),
            first_at: starts.first_failure_at,
            last_at: self.clock.now(),
        };
        self.bury(delivery, &reason, failures).await;
    }
}
