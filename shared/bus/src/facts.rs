//! Following facts: a durable consumer of `MC_EVENTS`, and the handing over of what it brings.
//!
//! As for commands, a handler knows nothing of JetStream, what can't be settled becomes a dead
//! letter whose bytes are durable before the original is done with, and an outage is waited for.
//! Facts may come again and out of order; whoever follows them copes.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::{AckKind, Message};
use contracts::metadata::header;
use contracts::{EventKind, TraceContext, subjects};
use domain::{CorrelationId, EventId, SharedClock};
use futures::StreamExt as _;
use resilience::RetryDelays;
use runtime::Shutdown;
use tokio::time::sleep;

use crate::message::{MESSAGE_ID, Outgoing, headers};
use crate::runner::{DeadReason, HandleError, fingerprint};
use crate::{Bus, metrics};

/// How long the server may hold a pull that it can't fill; also the longest part of a soft stop.
const PULL_EXPIRES: Duration = Duration::from_millis(500);

/// What a pull's answer may take beyond that before the pull counts as lost.
const PULL_MARGIN: Duration = Duration::from_secs(2);

/// Facts handled together, at most.
const BATCH: usize = 250;

/// Pauses after a failure, and between the probes of a dependency that is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long a dead letter may stay unanswered; the original stays meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// A fact as it came.
#[derive(Clone, Debug)]
pub struct ReceivedFact {
    /// Consumers deduplicate by it.
    pub event_id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Of the request that caused it.
    pub correlation_id: CorrelationId,
    /// Its trace.
    pub trace: Option<TraceContext>,
    /// JSON.
    pub body: bytes::Bytes,
}

/// Takes facts over.
pub trait FactHandler: Send + Sync + 'static {
    /// A readable fact.
    type Fact: Send + Sync;

    /// Reads a fact; what can't be read becomes a dead letter at once.
    fn decode(&self, fact: &ReceivedFact) -> Result<Self::Fact, DeadReason>;

    /// Takes facts over, all or none. The same ones may come again.
    fn handle(&self, facts: &[Self::Fact]) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// Follows facts of some kinds, under the name of a worker.
pub struct FactFollower<H> {
    /// NATS.
    pub bus: Bus,
    /// The worker; also the durable consumer's name. Several processes share the work.
    pub worker: &'static str,
    /// Which facts.
    pub kinds: &'static [EventKind],
    /// Silence after which a fact is delivered to somebody else.
    pub ack_wait: Duration,
    /// Takes them over.
    pub handler: H,
    /// The time.
    pub clock: SharedClock,
}

impl<H: FactHandler> FactFollower<H> {
    /// Runs until the soft stop. What isn't taken over by then comes again.
    pub async fn run(self, shutdown: Shutdown) {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        let mut consumer = None;
        while !shutdown.is_soft_stopped() {
            match self.step(&mut consumer, &shutdown).await {
                Ok(()) => pauses.reset(),
                Err(error) => {
                    tracing::warn!(consumer = self.worker, %error, "facts can't be pulled");
                    consumer = None;
                    tokio::select! {
                        () = sleep(pauses.next_delay()) => {}
                        () = shutdown.soft_stopped() => {}
                    }
                }
            }
        }
    }

    /// One pull, and what it brings.
    async fn step(
        &self,
        consumer: &mut Option<Consumer<Config>>,
        shutdown: &Shutdown,
    ) -> Result<(), async_nats::Error> {
        if consumer.is_none() {
            *consumer = Some(self.ensure_consumer().await?);
        }
        let Some(consumer) = consumer else { return Ok(()) };
        let pull = consumer.batch().max_messages(BATCH).expires(PULL_EXPIRES).messages();
        let pulled = async {
            let mut messages = pull.await?;
            let mut batch = Vec::new();
            while let Some(message) = messages.next().await {
                batch.push(message?);
            }
            Ok::<_, async_nats::Error>(batch)
        };
        let batch = tokio::time::timeout(PULL_EXPIRES + PULL_MARGIN, pulled).await??;
        if !batch.is_empty() {
            self.settle(batch, shutdown).await;
        }
        Ok(())
    }

    async fn ensure_consumer(&self) -> Result<Consumer<Config>, async_nats::Error> {
        let config = Config {
            durable_name: Some(self.worker.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            max_deliver: -1,
            filter_subjects: self.kinds.iter().map(|kind| kind.subject()).collect(),
            ..Config::default()
        };
        Ok(self.bus.jetstream.create_consumer_on_stream(config, subjects::EVENTS).await?)
    }

    async fn settle(&self, batch: Vec<Message>, shutdown: &Shutdown) {
        let counted = &[self.worker];
        metrics::get().deliveries.with_label_values(counted).inc_by(batch.len() as u64);
        let (mut messages, mut facts) = (Vec::new(), Vec::new());
        for message in batch {
            match self.read(&message) {
                Ok(fact) => {
                    messages.push(message);
                    facts.push(fact);
                }
                Err(reason) => self.bury(&message, &reason).await,
            }
        }
        match self.handle(&messages, &facts, shutdown).await {
            Handled::Done => {
                for message in &messages {
                    self.acknowledge(message, AckKind::Ack, "done").await;
                }
            }
            // One of them is at fault: each by itself shows which.
            Handled::Failed(_) if messages.len() > 1 => {
                for (message, fact) in messages.iter().zip(&facts) {
                    let (message, fact) =
                        (std::slice::from_ref(message), std::slice::from_ref(fact));
                    match self.handle(message, fact, shutdown).await {
                        Handled::Done => self.acknowledge(&message[0], AckKind::Ack, "done").await,
                        Handled::Failed(reason) => self.bury(&message[0], &reason).await,
                        Handled::Stopped => return,
                    }
                }
            }
            Handled::Failed(reason) => {
                for message in &messages {
                    self.bury(message, &reason).await;
                }
            }
            Handled::Stopped => {}
        }
    }

    fn read(&self, message: &Message) -> Result<H::Fact, DeadReason> {
        let envelope = |detail: &str| DeadReason { class: "envelope", detail: detail.to_owned() };
        let value =
            |name: &str| message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
        let id = |name: &'static str| {
            let id = value(name).and_then(|id| uuid::Uuid::try_parse(id).ok());
            id.ok_or_else(|| envelope(&format!("header {name} is missing or unreadable")))
        };
        let kind = message.subject.strip_prefix("mc.evt.").and_then(|kind| kind.parse().ok());
        let kind: EventKind = kind.ok_or_else(|| envelope("unknown kind of fact"))?;
        if value(header::SCHEMA) != Some(kind.schema().as_str()) {
            return Err(envelope("unknown schema"));
        }
        let trace = value(header::TRACEPARENT)
            .and_then(|parent| TraceContext::parse(parent, value(header::TRACESTATE)).ok());
        self.handler.decode(&ReceivedFact {
            event_id: id(MESSAGE_ID)?.into(),
            kind,
            correlation_id: id(header::CORRELATION_ID)?.into(),
            trace,
            body: message.payload.clone(),
        })
    }

    /// Hands facts over, for as long as it takes: what is in hand is kept alive meanwhile.
    async fn handle(&self, messages: &[Message], facts: &[H::Fact], stop: &Shutdown) -> Handled {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        let mut is_held = false;
        if facts.is_empty() {
            return Handled::Done;
        }
        loop {
            match self.handler.handle(facts).await {
                Ok(()) => return Handled::Done,
                Err(HandleError::Failed { class, detail }) => {
                    return Handled::Failed(DeadReason { class, detail });
                }
                Err(HandleError::Outage(cause)) => {
                    if !is_held {
                        metrics::get().holds.with_label_values(&[self.worker]).inc();
                        tracing::warn!(consumer = self.worker, cause, "holding facts");
                    }
                    is_held = true;
                }
            }
            for message in messages {
                // One that can't be kept alive comes again, to whomever.
                let _ = message.ack_with(AckKind::Progress).await;
            }
            tokio::select! {
                () = sleep(pauses.next_delay()) => {}
                () = stop.soft_stopped() => return Handled::Stopped,
            }
        }
    }

    /// Lost acknowledgements cost a repetition, which does no harm.
    async fn acknowledge(&self, message: &Message, kind: AckKind, verdict: &str) {
        metrics::get().verdicts.with_label_values(&[self.worker, verdict]).inc();
        if message.ack_with(kind).await.is_err() {
            tracing::debug!(consumer = self.worker, "could not acknowledge a fact");
        }
    }

    /// The dead letter first, durably; only then is the original done with.
    async fn bury(&self, message: &Message, reason: &DeadReason) {
        let sequence = message.info().map_or(0, |info| info.stream_sequence);
        let letter = self.letter(message, reason, sequence);
        match self.bus.publish_atomically(std::slice::from_ref(&letter), PATIENCE).await {
            Ok(_) => {
                let labels = &[self.worker, reason.class];
                metrics::get().dead_letters.with_label_values(labels).inc();
                tracing::error!(
                    subject = letter.subject,
                    stream_sequence = sequence,
                    error_class = reason.class,
                    detail = reason.detail,
                    "fact became a dead letter"
                );
                self.acknowledge(message, AckKind::Term, "dead").await;
            }
            Err(error) => tracing::warn!(%error, "dead letter not written: the fact comes again"),
        }
    }

    fn letter(&self, message: &Message, reason: &DeadReason, sequence: u64) -> Outgoing {
        let now = self.clock.now().to_string();
        let deliveries = message.info().map_or(1, |info| info.delivered);
        let kind = message.subject.strip_prefix("mc.evt.").and_then(|it| it.parse().ok());
        let kind = kind.map_or("unknown".to_owned(), |it: EventKind| it.as_str().replace('.', "-"));
        let mut headers = headers([
            (MESSAGE_ID, format!("dead:{}:{sequence}:{}", subjects::EVENTS, self.worker)),
            (header::DEAD_ORIGIN_STREAM, subjects::EVENTS.to_owned()),
            (header::DEAD_ORIGIN_SEQUENCE, sequence.to_string()),
            (header::DEAD_ORIGIN_SUBJECT, message.subject.to_string()),
            (header::DEAD_CONSUMER, self.worker.to_owned()),
            (header::DEAD_ATTEMPTS, deliveries.to_string()),
            (header::DEAD_FIRST_FAILURE, now.clone()),
            (header::DEAD_LAST_FAILURE, now),
            (header::DEAD_ERROR_CLASS, reason.class.to_owned()),
            (header::DEAD_ERROR_DETAIL, reason.detail.clone()),
            (header::DEAD_FINGERPRINT, fingerprint(reason)),
            (header::DEAD_WORKER_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
            if !name.to_string().to_ascii_lowercase().starts_with("nats-") {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        let subject = subjects::dead_letter(self.worker, &kind, &sequence.to_string());
        Outgoing { subject, headers, body: message.payload.clone() }
    }
}

/// What became of facts that were handed over.
enum Handled {
    Done,
    Failed(DeadReason),
    /// The soft stop came first.
    Stopped,
}
