//! Takes messages, hands them to a handler in batches, and settles them by its verdicts.

mod consumer;
mod dead_letter;
mod delivery;
mod handler;
mod intake;
mod requeue;
mod settle;
mod suspects;

use domain::SharedClock;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};

pub use consumer::{ConsumerSpec, RunnerError};
pub(crate) use dead_letter::fingerprint;
pub use handler::{BatchHandler, DeadReason, FailureCount, HandleError, Received, Verdict};
pub use requeue::Requeue;

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
    deliveries: (mpsc::Sender<Delivery>, mpsc::Receiver<Delivery>),
}

impl<H: BatchHandler> Runner<H> {
    /// A runner that hasn't started.
    pub fn new(bus: Bus, spec: ConsumerSpec, handler: H, clock: SharedClock) -> Self {
        let deliveries = mpsc::channel(spec.batch_size * BATCHES_IN_HAND);
        Self { bus, spec, handler, clock, caught_up: watch::Sender::new(false), deliveries }
    }

    /// A way to hand it messages that its consumer won't deliver again.
    pub fn requeue(&self) -> Requeue {
        Requeue {
            bus: self.bus.clone(),
            consumer: self.spec.durable,
            filter_subject: self.spec.filter_subject.clone(),
            deliveries: self.deliveries.0.downgrade(),
        }
    }

    /// Becomes true once everything that was in the stream at the start has been delivered.
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// Runs until the soft stop: then the batches in hand are finished, and everything else goes
    /// back to the stream at once.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), RunnerError> {
        let ConsumerSpec { batch_size, batches_at_once, .. } = self.spec;
        let (sender, mut deliveries) = self.deliveries;
        let intake = Intake {
            hand: Hand::start(&self.bus, self.spec.ack_wait, &shutdown),
            bus: self.bus.clone(),
            spec: self.spec.clone(),
            caught_up: self.caught_up,
        };
        let settling = Settling {
            bus: self.bus,
            consumer: self.spec.durable,
            buries: self.spec.buries,
            handler: self.handler,
            clock: self.clock,
            shutdown: shutdown.clone(),
        };
        let pulling = intake.run(sender, shutdown.clone());
        let handling = async {
            let mut handled = FuturesUnordered::new();
            let mut batch: Vec<Delivery> = Vec::with_capacity(batch_size);
            loop {
                let room = batch_size - batch.len();
                tokio::select! {
                    count = deliveries.recv_many(&mut batch, room), if room > 0 => {
                        if count == 0 {
                            break;
                        }
                    }
                    Some(()) = handled.next() => {}
                }
                if shutdown.is_soft_stopped() {
                    // Dropped deliveries go back without waiting for `ack_wait`.
                    batch.clear();
                }
                // Another one beside it only when there is much to do: what comes in meanwhile
                // shares one transaction.
                let is_idle = handled.is_empty();
                let is_full = batch.len() == batch_size && handled.len() < batches_at_once;
                if !batch.is_empty() && (is_idle || is_full) {
                    handled.push(settling.settle(std::mem::take(&mut batch)));
                }
            }
            handled.collect::<()>().await;
        };
        let (pulled, ()) = tokio::join!(pulling, handling);
        pulled
    }
}
