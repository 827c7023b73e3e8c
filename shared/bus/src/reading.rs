//! Reading a stream as it lies there: no acknowledgement, no trace, no consumer's state to trust.

use std::ops::RangeInclusive;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::{Consumer, DeliverPolicy};
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::ClusterInfo;
use futures::StreamExt as _;
use jiff::{Timestamp, Unit};
use tokio::time::timeout;

use crate::Bus;

/// How long the next message may take before the read is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// A stream at one moment. Sequences below `first` were purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// When it was made, to the microsecond: a stream that is made anew under the same name is
    /// another one.
    pub created_at: Timestamp,
    /// The lowest sequence; one more than `last` in a stream that holds nothing.
    pub first: u64,
    /// The highest sequence that was ever given.
    pub last: u64,
    /// How many messages there are.
    pub messages: u64,
    /// What they take, bytes.
    pub bytes: u64,
    /// What they may take, bytes.
    pub max_bytes: u64,
    /// Copies on nodes that are away or behind.
    pub copies_missing: usize,
}

/// A message without its body.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Its position in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// When the server stored it.
    pub stored_at: Timestamp,
    headers: Option<HeaderMap>,
}

/// The stream can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It isn't there.
    #[error("the stream {0} does not exist; start the API or a worker once, they create it")]
    NoStream(&'static str),
    /// JetStream doesn't answer, or not to this.
    #[error("the stream {stream} can't be read: {reason}")]
    Unreadable {
        /// Which stream.
        stream: &'static str,
        /// What the client said.
        reason: String,
    },
}

impl StoredMessage {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str)
    }
}

impl Bus {
    /// A stream as it is now.
    pub async fn state_of(&self, stream: &'static str) -> Result<StreamState, ReadError> {
        let found = self.jetstream.get_stream(stream).await;
        let found = found.map_err(|error| no_stream(stream, &error))?;
        let info = found.cached_info();
        let created_at = timestamp(info.created.unix_timestamp_nanos())
            .and_then(|created_at| created_at.round(Unit::Microsecond))
            .map_err(|error| ReadError::Unreadable { stream, reason: error.to_string() })?;
        Ok(StreamState {
            created_at,
            first: info.state.first_sequence,
            last: info.state.last_sequence,
            messages: info.state.messages,
            bytes: info.state.bytes,
            // Without a limit, which none of ours is, it never fills.
            max_bytes: info.config.max_bytes.try_into().unwrap_or(u64::MAX),
            copies_missing: info.cluster.as_ref().map_or(0, copies_missing),
        })
    }

    /// Hands over every message that the stream still holds of `range`, in order, without bodies.
    pub async fn read(
        &self,
        stream: &'static str,
        range: RangeInclusive<u64>,
        mut each: impl FnMut(StoredMessage),
    ) -> Result<(), ReadError> {
        // A stream that never held anything begins at 0, and its first message will be 1.
        let (first, last) = (*range.start().max(&1), *range.end());
        if first > last {
            return Ok(());
        }
        let unreadable = |reason: String| ReadError::Unreadable { stream, reason };
        let consumer = Box::pin(self.headers_from(stream, first)).await?;
        if consumer.cached_info().num_pending == 0 {
            return Ok(());
        }
        // In boxes: what async-nats makes is large, and whoever waits for this would carry it along.
        let mut messages = Box::new(
            Box::pin(consumer.messages()).await.map_err(|error| unreadable(error.to_string()))?,
        );
        loop {
            let message = timeout(PATIENCE, messages.next())
                .await
                .map_err(|_| unreadable(format!("nothing came for {} s", PATIENCE.as_secs())))?
                .ok_or_else(|| unreadable("it ended early".to_owned()))?
                .map_err(|error| unreadable(error.to_string()))?;
            let info = message.info().map_err(|error| unreadable(error.to_string()))?;
            let (sequence, pending) = (info.stream_sequence, info.pending);
            if sequence > last {
                return Ok(());
            }
            let stored_at = timestamp(info.published.unix_timestamp_nanos())
                .map_err(|error| unreadable(error.to_string()))?;
            let async_nats::Message { subject, headers, .. } = message.message;
            each(StoredMessage { sequence, subject: subject.to_string(), stored_at, headers });
            if sequence == last || pending == 0 {
                return Ok(());
            }
        }
    }

    async fn headers_from(
        &self,
        stream: &'static str,
        start_sequence: u64,
    ) -> Result<Consumer<OrderedConfig>, ReadError> {
        let unreadable = |reason: String| ReadError::Unreadable { stream, reason };
        let found = self.jetstream.get_stream(stream).await;
        found
            .map_err(|error| no_stream(stream, &error))?
            .create_consumer(OrderedConfig {
                headers_only: true,
                deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
                ..OrderedConfig::default()
            })
            .await
            .map_err(|error| unreadable(error.to_string()))
    }
}

/// The leader lists the others.
fn copies_missing(cluster: &ClusterInfo) -> usize {
    cluster.replicas.iter().filter(|copy| copy.offline || !copy.current).count()
}

fn timestamp(nanoseconds: i128) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_nanosecond(nanoseconds)
}

pub(crate) fn no_stream(stream: &'static str, error: &GetStreamError) -> ReadError {
    match error.kind() {
        GetStreamErrorKind::JetStream(inner)
            if inner.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND =>
        {
            ReadError::NoStream(stream)
        }
        _ => ReadError::Unreadable { stream, reason: error.to_string() },
    }
}
