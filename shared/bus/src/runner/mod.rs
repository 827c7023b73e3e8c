//! Takes messages, hands them to a handler in batches, and settles them by its verdicts.

mod consumer;
mod dead_letter;
mod delivery;
mod handler;
mod intake;
mod settle;
mod suspects;

use domain::SharedClock;
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};

pub use consumer::{ConsumerSpec, RunnerError};
pub use handler::{BatchHandler, DeadReason, FailureCount, HandleError, Received, Verdict};

use crate::Bus;
use delivery::{Delivery, Hand};
use intake::Intake;
use settle::Settling;

/// Batches that may wait in hand while one is handled. One is enough to keep the handler busy.
const BATCHES_IN_HAND: usize = 2;

/// Runs one consumer in this process.
pub struct Runner<H> {
    bus: Bus,
    spec: ConsumerSpec,
    handler: H,
    clock: SharedClock,
    caught_up: watch::Sender<bool>,
}

impl<H: BatchHandler> Runner<H> {
    /// A runner that hasn't started.
    pub fn new(bus: Bus, spec: ConsumerSpec, handler: H, clock: SharedClock) -> Self {
        Self { bus, spec, handler, clock, caught_up: watch::Sender::new(false) }
    }

    /// Becomes true once everything that was in the stream at the start has been delivered.
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// Runs until the soft stop: then the batch in hand is finished, and everything else goes
    /// back to the stream at once.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), RunnerError> {
        let batch_size = self.spec.batch_size;
        let (sender, mut deliveries) = mpsc::channel(batch_size * BATCHES_IN_HAND);
        let intake = Intake {
            hand: Hand::start(&self.bus, self.spec.ack_wait, &shutdown),
            bus: self.bus.clone(),
            spec: self.spec.clone(),
            caught_up: self.caught_up,
        };
        let settling = Settling {
            bus: self.bus,
            consumer: self.spec.durable,
            handler: self.handler,
            clock: self.clock,
            shutdown: shutdown.clone(),
        };
        let pulling = intake.run(sender, shutdown.clone());
        let handling = async {
            let mut batch: Vec<Delivery> = Vec::with_capacity(batch_size);
            while deliveries.recv_many(&mut batch, batch_size).await > 0 {
                if shutdown.is_soft_stopped() {
                    // Dropped deliveries go back without waiting for `ack_wait`.
                    batch.clear();
                } else {
                    settling.settle(std::mem::take(&mut batch)).await;
                }
            }
        };
        let (pulled, ()) = tokio::join!(pulling, handling);
        pulled
    }
}
