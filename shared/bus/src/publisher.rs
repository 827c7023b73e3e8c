//! Accepting work: durable before anybody hears of it, and many at a time.
//!
//! Commands that arrive while a publish is under way travel together in the next one, as one
//! atomic batch: one sync of the disk for all of them. A lone command is published plainly.
//! Commands carry no `Nats-Msg-Id`: one duplicate would refuse the whole batch, and a reused id
//! with another body would be acknowledged without being stored. Idempotency is the inbox's.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::publish::PublishAck;
use contracts::{BookingCommand, Metadata};
use domain::RequestId;
use resilience::RetryDelays;
use runtime::Shutdown;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::atomic::MAX_BATCH;
use crate::message::{Outgoing, headers};
use crate::publish_error::PublishError;
use crate::{Bus, metrics};

/// Commands that may wait for the publish before theirs. Beyond it the door is closed for a
/// moment: waiting longer would only add latency.
const QUEUE: usize = 8_192;

/// How long one publish may stay unanswered before it is sent again, unless the connection was
/// lost. A disk that is merely slow must not be given everything twice.
const ATTEMPT: Duration = Duration::from_secs(4);

/// A command on its way into the stream.
#[derive(Clone, Debug)]
pub struct OutgoingCommand {
    /// What to do.
    pub command: BookingCommand,
    /// For whom, and everything that joins it to its request.
    pub metadata: Metadata,
}

/// The proof that a command is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its position in `MC_COMMANDS`.
    pub stream_sequence: u64,
}

type Answer = Result<Accepted, PublishError>;

struct Waiting {
    request_id: RequestId,
    message: Outgoing,
    deadline: Instant,
    answer: oneshot::Sender<Answer>,
}

/// Publishes commands with group commit. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Publisher {
    queue: mpsc::Sender<Waiting>,
}

impl Publisher {
    /// Starts the task that publishes. It ends when every clone is gone.
    pub fn start(bus: &Bus, shutdown: &Shutdown) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        shutdown.spawn_in_background("publisher", publish_all(bus.clone(), waiting));
        Self { queue }
    }

    /// Returns once the command is durable, or an error once `patience` has passed.
    pub async fn publish(&self, command: OutgoingCommand, patience: Duration) -> Answer {
        let OutgoingCommand { command, metadata } = command;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            request_id: metadata.request_id,
            message: Outgoing {
                subject: command.kind().subject(metadata.request_id),
                headers: headers(metadata.to_headers()),
                body: command.to_body().into(),
            },
            deadline: Instant::now() + patience,
            answer,
        };
        self.queue.try_send(waiting).map_err(|_| PublishError::Unavailable)?;
        answered.await.unwrap_or(Err(PublishError::Unknown))
    }
}

async fn publish_all(bus: Bus, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        publish_batch(&bus, std::mem::take(&mut batch)).await;
    }
}

/// Publishes until it is known what became of every member.
async fn publish_batch(bus: &Bus, batch: Vec<Waiting>) {
    let mut groups = coalesce(batch);
    let mut delays = RetryDelays::new(Duration::from_millis(20), Duration::from_millis(500));
    // What to say to those whose time runs out: once something was sent and not refused, it may
    // be in the stream.
    let mut last_error = PublishError::Unavailable;
    loop {
        give_up_on_late(&mut groups, last_error);
        let Some(deadline) = groups.iter().map(Group::deadline).max() else { return };
        let messages: Vec<_> = groups.iter().map(|group| group.message.clone()).collect();
        let patience = ATTEMPT.min(deadline - Instant::now());

        let started = Instant::now();
        metrics::get().publish_batch.observe(messages.len() as f64);
        match publish(bus, &messages, patience).await {
            Ok(ack) => {
                metrics::get().publish_seconds.observe(started.elapsed().as_secs_f64());
                let first = ack.sequence + 1 - groups.len() as u64;
                for (index, group) in groups.into_iter().enumerate() {
                    group.answer(Ok(Accepted { stream_sequence: first + index as u64 }));
                }
                return;
            }
            Err(error) if error.is_worth_another_try() => {
                if error == PublishError::Unknown {
                    metrics::get().publish_unknown.inc();
                    last_error = error;
                }
                sleep(delays.next_delay()).await;
            }
            Err(error) => {
                for group in groups {
                    group.answer(Err(error));
                }
                return;
            }
        }
    }
}

/// One try. When the connection is made anew, the acknowledgement went down with the old one.
async fn publish(
    bus: &Bus,
    messages: &[Outgoing],
    patience: Duration,
) -> Result<PublishAck, PublishError> {
    let mut connections = bus.connections.clone();
    connections.mark_unchanged();
    tokio::select! {
        biased;
        published = bus.publish_atomically(messages, patience) => published,
        _ = connections.changed() => Err(PublishError::Unknown),
    }
}

/// Everybody who waits for the same request: its message is published once.
struct Group {
    message: Outgoing,
    waiting: Vec<(Instant, oneshot::Sender<Answer>)>,
}

impl Group {
    fn deadline(&self) -> Instant {
        self.waiting.iter().map(|(deadline, _)| *deadline).max().unwrap_or_else(Instant::now)
    }

    fn answer(self, answer: Answer) {
        for (_, waiting) in self.waiting {
            // Who no longer listens will ask again, with the same key or by the request's id.
            let _ = waiting.send(answer);
        }
    }
}

fn coalesce(batch: Vec<Waiting>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(batch.len());
    let mut by_request = HashMap::with_capacity(batch.len());
    for Waiting { request_id, message, deadline, answer } in batch {
        let index = *by_request.entry(request_id).or_insert_with(|| {
            groups.push(Group { message, waiting: Vec::with_capacity(1) });
            groups.len() - 1
        });
        groups[index].waiting.push((deadline, answer));
    }
    groups
}

fn give_up_on_late(groups: &mut Vec<Group>, error: PublishError) {
    let now = Instant::now();
    for group in groups.iter_mut() {
        for (_, answer) in group.waiting.extract_if(.., |(deadline, _)| *deadline <= now) {
            let _ = answer.send(Err(error));
        }
        group.waiting.retain(|(_, answer)| !answer.is_closed());
    }
    groups.retain(|group| !group.waiting.is_empty());
}
