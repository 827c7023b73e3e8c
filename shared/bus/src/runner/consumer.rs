//! The durable consumer behind a runner.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::ConsumerErrorKind;
use contracts::subjects;

use crate::{Bus, metrics};

/// Delivered and not yet settled messages at most, retries that wait included.
const MAX_ACK_PENDING: i64 = 20_000;

/// Which messages a runner takes, and how many at once.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// The consumer's name; several processes with one name share the work.
    pub durable: &'static str,
    /// Subjects of `MC_COMMANDS`, with wildcards.
    pub filter_subject: String,
    /// Messages handled together, at most.
    pub batch_size: usize,
    /// Batches handled at the same time, at most: while one waits for its commit, the next is
    /// worked on, if it is a full one. Messages of different batches may be settled in any order.
    pub batches_at_once: usize,
    /// Silence after which a message is delivered to somebody else.
    pub ack_wait: Duration,
    /// Whether it writes dead letters. A consumer that doesn't leaves what it can't settle to
    /// another one, which gets the same messages: one message, one letter.
    pub buries: bool,
}

/// The consumer can't be made or isn't what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("consumer {durable} of {}: {reason}", subjects::COMMANDS)]
pub struct RunnerError {
    pub(super) durable: &'static str,
    pub(super) reason: String,
    /// The server answered, and won't have it.
    is_refusal: bool,
}

impl ConsumerSpec {
    pub(super) fn error(&self, reason: String) -> RunnerError {
        RunnerError { durable: self.durable, reason, is_refusal: false }
    }

    fn config(&self) -> Config {
        Config {
            durable_name: Some(self.durable.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            // The end of a message's tries is ours to decide, not the server's: a message that
            // exceeds `max_deliver` would just stay where it is. And no `backoff` array: its
            // delays add up with those of a nak.
            max_deliver: -1,
            filter_subject: self.filter_subject.clone(),
            replay_policy: ReplayPolicy::Instant,
            max_ack_pending: MAX_ACK_PENDING,
            ..Config::default()
        }
    }

    /// Makes the consumer or brings it up to date. One that was made otherwise, in a way that
    /// can't be changed, is made anew.
    pub(super) async fn ensure(&self, bus: &Bus) -> Result<Consumer<Config>, RunnerError> {
        match self.make(bus).await {
            Err(error) if error.is_refusal => {
                tracing::warn!(consumer = self.durable, %error, "making the consumer anew");
                metrics::get().rebuilds.with_label_values(&[self.durable]).inc();
                self.rebuild(bus).await
            }
            made => made,
        }
    }

    /// Makes the consumer or changes it, and compares the echo.
    async fn make(&self, bus: &Bus) -> Result<Consumer<Config>, RunnerError> {
        let asked = self.config();
        let consumer: Consumer<Config> = bus
            .jetstream
            .create_consumer_on_stream(asked.clone(), subjects::COMMANDS)
            .await
            .map_err(|refused| RunnerError {
                is_refusal: is_refusal(&refused.kind()),
                ..self.error(refused.to_string())
            })?;
        let got = &consumer.cached_info().config;
        let same = got.ack_wait == asked.ack_wait
            && got.max_deliver == asked.max_deliver
            && got.filter_subject == asked.filter_subject
            && got.ack_policy == asked.ack_policy
            && got.max_ack_pending == asked.max_ack_pending
            && got.backoff.is_empty();
        if same {
            Ok(consumer)
        } else {
            Err(self.error("the server changed its configuration".into()))
        }
    }

    /// Drops the consumer's state and makes it anew, from the start of the stream: the inbox
    /// tells what is settled, so repeating is harmless and skipping is impossible.
    pub(super) async fn rebuild(&self, bus: &Bus) -> Result<Consumer<Config>, RunnerError> {
        // It may be gone already; making it is what counts.
        let _ = bus.jetstream.delete_consumer_from_stream(self.durable, subjects::COMMANDS).await;
        self.make(bus).await
    }
}

/// "deliver policy can not be updated" and its like.
fn is_refusal(kind: &ConsumerErrorKind) -> bool {
    const CONSUMER_CREATE: ErrorCode = ErrorCode(10012);
    matches!(kind, ConsumerErrorKind::JetStream(error) if error.error_code() == CONSUMER_CREATE)
}
