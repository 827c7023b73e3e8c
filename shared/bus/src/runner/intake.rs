//! Pulling messages: room first, then fetch.
//!
//! Each pull has a bound, an inbox of its own and no state beyond it, so a lost pull, a lost
//! connection or a deleted consumer costs one pull at most. (The client's endless streams
//! stall on lost pulls, and drop what they have buffered when they are dropped.)

use std::time::Duration;

use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::pull::Config;
use contracts::subjects;
use futures::StreamExt;
use resilience::RetryDelays;
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::consumer::{ConsumerSpec, RunnerError};
use super::delivery::{Delivery, Hand};
use crate::{Bus, metrics};

/// How long the server may hold a pull that it can't fill. Also the longest part of a soft
/// stop, because a pull can't be taken back.
const PULL_EXPIRES: Duration = Duration::from_millis(500);

/// Pulls in a row that brought nothing before the watchdog asks the server why.
const QUIET_PULLS: u32 = 20;

/// Times in a row that the server had messages for us and delivered none before the consumer is
/// made anew.
const STALLS_BEFORE_REBUILD: u32 = 2;

pub(super) struct Intake {
    pub bus: Bus,
    pub spec: ConsumerSpec,
    pub hand: Hand,
    pub caught_up: watch::Sender<bool>,
}

impl Intake {
    /// Pulls until the soft stop. Whatever a pull brings after it goes back at once.
    pub(super) async fn run(
        self,
        deliveries: mpsc::Sender<Delivery>,
        shutdown: Shutdown,
    ) -> Result<(), RunnerError> {
        let mut consumer = self.spec.ensure(&self.bus).await?;
        self.note_whether_caught_up(&consumer);
        let last_at_start = self.last_in_stream().await?;
        let mut delays = RetryDelays::new(Duration::from_millis(50), Duration::from_secs(2));
        let mut quiet_pulls = 0;
        let mut stalls = 0;
        while !shutdown.is_soft_stopped() {
            // Take the permits, then fetch: what is fetched without a place to put it would
            // wait in a buffer while its `ack_wait` runs.
            let room = tokio::select! {
                room = deliveries.reserve_many(self.spec.batch_size) => room,
                () = shutdown.soft_stopped() => break,
            };
            let Ok(mut room) = room else { break };
            match self.pull(&consumer, &mut room, &shutdown).await {
                Ok(None) => {
                    quiet_pulls += 1;
                    self.caught_up.send_replace(true);
                }
                Ok(Some(furthest)) => {
                    (quiet_pulls, stalls) = (0, 0);
                    // Where more comes in all the time, no pull ever brings nothing.
                    if furthest >= last_at_start {
                        self.caught_up.send_replace(true);
                    }
                }
                Err(error) if shutdown.is_soft_stopped() => {
                    tracing::debug!(%error, "pull ended by the stop");
                }
                Err(error) => {
                    tracing::warn!(consumer = self.spec.durable, %error, "pull failed");
                    sleep(delays.next_delay()).await;
                    consumer = self.ensure_again(consumer).await;
                    continue;
                }
            }
            delays.reset();
            if quiet_pulls >= QUIET_PULLS {
                quiet_pulls = 0;
                stalls = if self.is_stalled(&mut consumer).await { stalls + 1 } else { 0 };
                if stalls >= STALLS_BEFORE_REBUILD {
                    stalls = 0;
                    tracing::warn!(consumer = self.spec.durable, "consumer stalls: making it anew");
                    metrics::get().rebuilds.with_label_values(&[self.spec.durable]).inc();
                    if let Ok(rebuilt) = self.spec.rebuild(&self.bus).await {
                        consumer = rebuilt;
                    }
                }
            }
        }
        Ok(())
    }

    /// One pull: the highest sequence that it brought, or why it ended early.
    async fn pull(
        &self,
        consumer: &Consumer<Config>,
        room: &mut mpsc::PermitIterator<'_, Delivery>,
        shutdown: &Shutdown,
    ) -> Result<Option<u64>, async_nats::Error> {
        let mut connections = self.bus.connections.clone();
        connections.mark_unchanged();
        let mut batch =
            consumer.batch().max_messages(room.len()).expires(PULL_EXPIRES).messages().await?;
        let mut furthest = None;
        loop {
            let message = tokio::select! {
                message = batch.next() => message,
                // The server forgot this pull with the old connection.
                _ = connections.changed() => return Ok(furthest),
            };
            let Some(message) = message.transpose()? else { return Ok(furthest) };
            let Some(delivery) = Delivery::new(message, &self.hand) else { continue };
            let consumer = &[self.spec.durable];
            metrics::get().deliveries.with_label_values(consumer).inc();
            if delivery.deliveries > 1 {
                metrics::get().redeliveries.with_label_values(consumer).inc();
            }
            furthest = furthest.max(Some(delivery.stream_sequence));
            // After the soft stop a delivery is dropped, and so goes back.
            if shutdown.is_soft_stopped() {
                continue;
            }
            if let Some(permit) = room.next() {
                permit.send(delivery);
            }
        }
    }

    /// After a failed pull: the consumer may have been deleted.
    async fn ensure_again(&self, consumer: Consumer<Config>) -> Consumer<Config> {
        match self.spec.ensure(&self.bus).await {
            Ok(consumer) => consumer,
            Err(error) => {
                tracing::warn!(%error, "could not make the consumer; trying again");
                consumer
            }
        }
    }

    /// Whether the server has messages for us, room for them, and delivers none.
    async fn is_stalled(&self, consumer: &mut Consumer<Config>) -> bool {
        match consumer.info().await {
            Ok(info) => {
                let room = info.config.max_ack_pending - info.num_ack_pending as i64;
                info.num_pending > 0 && room > 0
            }
            // A deleted consumer shows as an error of the next pull.
            Err(_) => false,
        }
    }

    async fn last_in_stream(&self) -> Result<u64, RunnerError> {
        let state = self.bus.state_of(subjects::COMMANDS).await;
        Ok(state.map_err(|error| self.spec.error(error.to_string()))?.last)
    }

    fn note_whether_caught_up(&self, consumer: &Consumer<Config>) {
        let info = consumer.cached_info();
        if info.num_pending == 0 && info.num_ack_pending == 0 {
            self.caught_up.send_replace(true);
        }
    }
}
