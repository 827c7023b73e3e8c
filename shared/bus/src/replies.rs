//! Waiting for outcomes: one subscription per process, and whoever waits registers first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::{Outcome, subjects};
use domain::RequestId;
use futures::StreamExt;
use runtime::Shutdown;
use tokio::sync::oneshot;

use crate::connection::NotReady;
use crate::{Bus, metrics};

type Listeners = HashMap<RequestId, Vec<(u64, oneshot::Sender<Outcome>)>>;

/// Outcomes on their way to this process. Clones share the subscription.
#[derive(Clone, Debug)]
pub struct Replies {
    instance: Arc<str>,
    registry: Arc<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    listeners: Mutex<(u64, Listeners)>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, (u64, Listeners)> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered wait for the outcome of one request. Dropping it ends the wait.
#[derive(Debug)]
pub struct PendingReply {
    subject: String,
    request_id: RequestId,
    ticket: u64,
    registry: Arc<Registry>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Replies {
    /// Subscribes; NATS renews the subscription with every connection.
    pub async fn start(bus: &Bus, shutdown: &Shutdown) -> Result<Self, NotReady> {
        let instance = uuid::Uuid::new_v4().simple().to_string();
        let subject = format!("mc.reply.{instance}.*");
        let mut subscription = bus
            .client
            .subscribe(subject)
            .await
            .map_err(|_| NotReady::Disconnected { url: bus.settings.url.clone() })?;
        bus.flush().await;
        let registry = Arc::<Registry>::default();
        let listening = Arc::clone(&registry);
        shutdown.spawn_in_background("replies", async move {
            while let Some(message) = subscription.next().await {
                let id = message.subject.rsplit('.').next().and_then(|id| id.parse().ok());
                let outcome = serde_json::from_slice(&message.payload).ok();
                if let (Some(id), Some(outcome)) = (id, outcome) {
                    listening.deliver(id, &outcome);
                }
            }
        });
        Ok(Self { instance: instance.into(), registry })
    }

    /// Registers a wait. Publish the command only after this: the answer may be quick.
    pub fn expect(&self, request_id: RequestId) -> PendingReply {
        let (sender, outcome) = oneshot::channel();
        let mut guard = self.registry.lock();
        let (next_ticket, listeners) = &mut *guard;
        *next_ticket += 1;
        listeners.entry(request_id).or_default().push((*next_ticket, sender));
        PendingReply {
            subject: subjects::reply(&self.instance, request_id),
            request_id,
            ticket: *next_ticket,
            registry: Arc::clone(&self.registry),
            outcome,
        }
    }
}

impl Registry {
    fn deliver(&self, id: RequestId, outcome: &Outcome) {
        let listeners = self.lock().1.remove(&id).unwrap_or_default();
        let to = if listeners.is_empty() { "nobody" } else { "waiting" };
        metrics::get().replies.with_label_values(&[to]).inc();
        for (_, listener) in listeners {
            let _ = listener.send(outcome.clone());
        }
    }
}

impl PendingReply {
    /// Where the worker should answer: goes into the command's envelope.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The outcome, whenever it comes; put a bound around it.
    pub async fn outcome(mut self) -> Outcome {
        match (&mut self.outcome).await {
            Ok(outcome) => outcome,
            // The registry drops a sender only by sending or when this is dropped.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        let mut guard = self.registry.lock();
        let listeners = &mut guard.1;
        if let Some(waiting) = listeners.get_mut(&self.request_id) {
            waiting.retain(|(ticket, _)| *ticket != self.ticket);
            if waiting.is_empty() {
                listeners.remove(&self.request_id);
            }
        }
    }
}
