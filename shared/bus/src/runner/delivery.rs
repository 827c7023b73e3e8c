//! A delivered message is settled exactly once: by a verdict, or by being dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use runtime::Shutdown;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::Bus;

/// How JetStream is told what became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    Ack,
    /// Deliver again after this long. Always with a delay: a bare nak comes back at once.
    Nak(Duration),
    /// Never deliver again. The reason shows in the server's advisory.
    Term(&'static str),
}

impl Settlement {
    fn payload(&self) -> Bytes {
        match self {
            Self::Ack => Bytes::from_static(b"+ACK"),
            Self::Nak(delay) => format!("-NAK {{\"delay\": {}}}", delay.as_nanos().max(1)).into(),
            Self::Term(reason) => format!("+TERM {reason}").into(),
        }
    }
}

/// Stream sequence and number of the delivery.
type DeliveryId = (u64, i64);

/// A delivered message, as it came. Dropped without a verdict, it goes back to the stream at
/// once: a panic or a stop never leaves it waiting for `ack_wait`.
#[derive(Debug)]
pub(super) struct Delivery {
    pub subject: Subject,
    pub headers: Option<HeaderMap>,
    pub body: Bytes,
    pub stream_sequence: u64,
    pub deliveries: i64,
    /// Where it is settled; nowhere when no consumer waits for it.
    receipt: Option<(Hand, Subject)>,
}

impl Delivery {
    pub(super) fn new(message: async_nats::jetstream::Message, hand: &Hand) -> Option<Self> {
        let (stream_sequence, deliveries) = {
            let info = message.info().ok()?;
            (info.stream_sequence, info.delivered)
        };
        // Before the split, which takes the reply subject away.
        let ack_subject = message.reply.clone()?;
        let (message, _) = message.split();
        hand.lock().insert((stream_sequence, deliveries), ack_subject.clone());
        Some(Self {
            subject: message.subject,
            headers: message.headers,
            body: message.payload,
            stream_sequence,
            deliveries,
            receipt: Some((hand.clone(), ack_subject)),
        })
    }

    /// A message straight from the stream, for which no consumer waits.
    pub(super) fn requeued(message: StreamMessage) -> Self {
        Self {
            subject: message.subject,
            headers: Some(message.headers),
            body: message.payload,
            stream_sequence: message.sequence,
            deliveries: 1,
            receipt: None,
        }
    }

    /// Whether no consumer waits for it.
    pub(super) fn is_requeued(&self) -> bool {
        self.receipt.is_none()
    }

    pub(super) fn settle(mut self, settlement: &Settlement) {
        self.send(settlement);
    }

    fn send(&mut self, settlement: &Settlement) {
        if let Some((hand, ack_subject)) = self.receipt.take() {
            hand.lock().remove(&(self.stream_sequence, self.deliveries));
            // Fails only when the process is ending; the server then waits for `ack_wait`.
            let _ = hand.settlements.send((ack_subject, settlement.payload()));
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.send(&Settlement::Nak(Duration::ZERO));
    }
}

/// Everything delivered to this runner and not settled. What is in hand is kept alive, however
/// long an outage lasts; what is settled goes out through one queue.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    held: Arc<Mutex<HashMap<DeliveryId, Subject>>>,
    settlements: mpsc::UnboundedSender<(Subject, Bytes)>,
}

impl Hand {
    /// Starts the task that tells JetStream. It ends when the last delivery is gone.
    pub(super) fn start(bus: &Bus, ack_wait: Duration, shutdown: &Shutdown) -> Self {
        let (settlements, queue) = mpsc::unbounded_channel();
        let held = Arc::<Mutex<HashMap<DeliveryId, Subject>>>::default();
        let keep_alive = Arc::clone(&held);
        shutdown.spawn("settlements", tell(bus.clone(), queue, keep_alive, ack_wait / 3));
        Self { held, settlements }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeliveryId, Subject>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell(
    bus: Bus,
    mut settlements: mpsc::UnboundedReceiver<(Subject, Bytes)>,
    held: Arc<Mutex<HashMap<DeliveryId, Subject>>>,
    progress_period: Duration,
) {
    let mut progress = interval(progress_period);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            settlement = settlements.recv() => match settlement {
                // A failure to publish means the client is closed; the server redelivers.
                Some((subject, payload)) => { let _ = bus.client.publish(subject, payload).await; }
                None => break,
            },
            _ = progress.tick() => {
                let subjects: Vec<_> = {
                    held.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
                };
                for subject in subjects {
                    let _ = bus.client.publish(subject, Bytes::from_static(b"+WPI")).await;
                }
            }
        }
    }
    bus.flush().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nak_always_carries_a_delay() {
        assert_eq!(Settlement::Nak(Duration::ZERO).payload(), "-NAK {\"delay\": 1}");
        let second = Settlement::Nak(Duration::from_secs(1));
        assert_eq!(second.payload(), "-NAK {\"delay\": 1000000000}");
    }

    #[test]
    fn a_term_carries_its_reason() {
        assert_eq!(Settlement::Term("undecodable").payload(), "+TERM undecodable");
    }
}
