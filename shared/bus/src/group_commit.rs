//! Many messages, one sync of the disk.
//!
//! Messages that arrive while a publish is under way travel together in the next one, as one
//! atomic batch: one sync of the disk for all of them. A lone message is published plainly.
//! Two publishes under way at once were tried: no more accepts, and a p99 a third longer.

use std::collections::HashMap;
use std::time::Duration;

use resilience::RetryDelays;
use runtime::Shutdown;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::atomic::MAX_BATCH;
use crate::message::Outgoing;
use crate::publish_error::PublishError;
use crate::{Bus, metrics};

/// Messages that may wait for the publish before theirs. Beyond it the door is closed for a
/// moment: waiting longer would only add latency.
const QUEUE: usize = 8_192;

/// How long one publish may stay unanswered before it is sent again, unless the connection was
/// lost. A disk that is merely slow must not be given everything twice.
const ATTEMPT: Duration = Duration::from_secs(4);

/// What the answer may take beyond a message's own deadline: it waits for a batch whose deadlines
/// are later.
const GRACE: Duration = Duration::from_secs(1);

/// How what may have been stored is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// As it was: a message that is stored twice does no harm.
    Together,
    /// Message by message. They have ids, by which the server knows what it has; but one that it
    /// knows would refuse a whole batch.
    Singly,
}

type Answer = Result<u64, PublishError>;

struct Waiting {
    key: Uuid,
    message: Outgoing,
    deadline: Instant,
    answer: oneshot::Sender<Answer>,
}

/// Publishes into one stream. Clones share one queue.
#[derive(Clone, Debug)]
pub(crate) struct GroupCommit {
    queue: mpsc::Sender<Waiting>,
}

impl GroupCommit {
    /// Starts the task that publishes. It ends when every clone is gone.
    pub(crate) fn start(
        bus: &Bus,
        shutdown: &Shutdown,
        name: &'static str,
        repeats: Repeats,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        shutdown.spawn_in_background(name, publish_all(bus.clone(), waiting, repeats));
        Self { queue }
    }

    /// The message's sequence once it is durable, or an error once `patience` has passed.
    /// Messages with the same key are one.
    pub(crate) async fn publish(&self, key: Uuid, message: Outgoing, patience: Duration) -> Answer {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { key, message, deadline: Instant::now() + patience, answer };
        self.queue.try_send(waiting).map_err(|_| PublishError::Unavailable)?;
        match timeout(patience + GRACE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(PublishError::Unknown),
        }
    }
}

async fn publish_all(bus: Bus, mut waiting: mpsc::Receiver<Waiting>, repeats: Repeats) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        publish_batch(&bus, std::mem::take(&mut batch), repeats).await;
    }
}

/// Publishes until it is known what became of every member.
async fn publish_batch(bus: &Bus, batch: Vec<Waiting>, repeats: Repeats) {
    let mut groups = coalesce(batch);
    let mut delays = RetryDelays::new(Duration::from_millis(20), Duration::from_millis(500));
    // What to say to those whose time runs out: once something was sent and not refused, it may
    // be in the stream.
    let mut last_error = PublishError::Unavailable;
    loop {
        give_up_on_late(&mut groups, last_error);
        let Some(deadline) = groups.iter().map(Group::deadline).max() else { return };
        let messages: Vec<_> = groups.iter().map(|group| &group.message).collect();
        let patience = ATTEMPT.min(deadline - Instant::now());

        let started = Instant::now();
        metrics::get().publish_batch.observe(messages.len() as f64);
        let may_be_there = last_error == PublishError::Unknown;
        let singly = repeats == Repeats::Singly && may_be_there;
        match publish(bus, &messages, patience, singly).await {
            Ok(sequences) => {
                metrics::get().publish_seconds.observe(started.elapsed().as_secs_f64());
                for (group, sequence) in groups.into_iter().zip(sequences) {
                    group.answer(Ok(sequence));
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
                // It says what became of this try. An earlier one may have been stored.
                let error = if may_be_there { last_error } else { error };
                for group in groups {
                    group.answer(Err(error));
                }
                return;
            }
        }
    }
}

/// One try; the messages' sequences. When the connection is made anew, the acknowledgement went
/// down with the old one.
async fn publish(
    bus: &Bus,
    messages: &[&Outgoing],
    patience: Duration,
    singly: bool,
) -> Result<Vec<u64>, PublishError> {
    let mut connections = bus.connections.clone();
    connections.mark_unchanged();
    let publishing = async {
        if singly {
            one_by_one(bus, messages, patience).await
        } else {
            together(bus, messages, patience).await
        }
    };
    tokio::select! {
        biased;
        published = publishing => published,
        _ = connections.changed() => Err(PublishError::Unknown),
    }
}

async fn together(
    bus: &Bus,
    messages: &[&Outgoing],
    patience: Duration,
) -> Result<Vec<u64>, PublishError> {
    let last = bus.publish_atomically(messages, patience).await?.sequence;
    Ok((last + 1 - messages.len() as u64..=last).collect())
}

async fn one_by_one(
    bus: &Bus,
    messages: &[&Outgoing],
    patience: Duration,
) -> Result<Vec<u64>, PublishError> {
    let mut sequences = Vec::with_capacity(messages.len());
    for message in messages {
        let ack = bus.publish_atomically(&[*message], patience).await?;
        sequences.push(ack.sequence);
    }
    Ok(sequences)
}

/// Everybody who waits for the same message: it is published once.
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
    let mut by_key = HashMap::with_capacity(batch.len());
    for Waiting { key, message, deadline, answer } in batch {
        let index = *by_key.entry(key).or_insert_with(|| {
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
