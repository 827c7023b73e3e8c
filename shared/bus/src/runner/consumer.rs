//! The durable consumer behind a runner.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, ReplayPolicy};
use contracts::subjects;

use crate::Bus;

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
}

/// The consumer can't be made or isn't what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("consumer {durable} of {}: {reason}", subjects::COMMANDS)]
pub struct RunnerError {
    pub(super) durable: &'static str,
    pub(super) reason: String,
}

impl ConsumerSpec {
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

    /// Makes the consumer or brings it up to date, and compares the echo.
    pub(super) async fn ensure(&self, bus: &Bus) -> Result<Consumer<Config>, RunnerError> {
        let error = |reason: String| RunnerError { durable: self.durable, reason };
        let asked = self.config();
        let consumer: Consumer<Config> = bus
            .jetstream
            .create_consumer_on_stream(asked.clone(), subjects::COMMANDS)
            .await
            .map_err(|refused| error(refused.to_string()))?;
        let got = &consumer.cached_info().config;
        let same = got.ack_wait == asked.ack_wait
            && got.max_deliver == asked.max_deliver
            && got.filter_subject == asked.filter_subject
            && got.ack_policy == asked.ack_policy
            && got.max_ack_pending == asked.max_ack_pending
            && got.backoff.is_empty();
        if same { Ok(consumer) } else { Err(error("the server changed its configuration".into())) }
    }

    /// Drops the consumer's state and makes it anew, from the start of the stream: the inbox
    /// tells what is settled, so repeating is harmless and skipping is impossible.
    pub(super) async fn rebuild(&self, bus: &Bus) -> Result<Consumer<Config>, RunnerError> {
        // It may be gone already; making it is what counts.
        let _ = bus.jetstream.delete_consumer_from_stream(self.durable, subjects::COMMANDS).await;
        self.ensure(bus).await
    }
}
