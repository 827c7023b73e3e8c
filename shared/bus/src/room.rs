//! How full the streams are, and making room in them.

use async_nats::jetstream::stream::Stream;
use contracts::{AuditAnchor, subjects};
use futures::TryStreamExt as _;
use jiff::Timestamp;

use crate::key_value::KvBucket;
use crate::reading::{ReadError, StreamState, no_stream};
use crate::{Bus, metrics};

/// Every stream, for looking at all of them.
const STREAMS: [&str; 4] = [subjects::COMMANDS, subjects::EVENTS, subjects::AUDIT, subjects::DEAD];

/// From here on somebody has to know, long before the stream is full. Percent.
const WARN_FROM: u64 = 70;

/// From here on the oldest facts and audit entries go. Percent.
const HIGH: u64 = 80;

/// Down to here. Percent.
const LOW: u64 = 60;

impl StreamState {
    /// How full it is, in percent of its limit in bytes.
    fn percent(&self) -> u64 {
        let percent = u128::from(self.bytes) * 100 / u128::from(self.max_bytes.max(1));
        percent.try_into().unwrap_or(u64::MAX)
    }
}

impl Bus {
    /// Looks how full the streams are, and whether every copy of them is there: into the metrics,
    /// and when it is worth a look into the log.
    pub async fn watch_fill(&self) -> Result<(), ReadError> {
        for stream in STREAMS {
            let state = self.state_of(stream).await?;
            let ratio = state.bytes as f64 / state.max_bytes as f64;
            metrics::get().fill.with_label_values(&[stream]).set(ratio);
            let missing = state.copies_missing;
            metrics::get().copies_missing.with_label_values(&[stream]).set(missing as i64);
            if missing > 0 {
                tracing::warn!(
                    nats.stream = stream,
                    copies = missing,
                    "the stream lacks copies: a node is away or behind"
                );
            }
            let percent = state.percent();
            if percent >= WARN_FROM {
                tracing::warn!(
                    nats.stream = stream,
                    percent,
                    "the stream fills: at its limit it refuses"
                );
            }
        }
        Ok(())
    }

    /// Purges what lies below `sequence`; gives how many messages that were.
    pub async fn purge_below(&self, stream: &'static str, sequence: u64) -> Result<u64, ReadError> {
        let state = self.state_of(stream).await?;
        if state.messages == 0 || state.first >= sequence {
            return Ok(0);
        }
        let purge = self.stream(stream).await?.purge().sequence(sequence);
        let purged = purge.await.map_err(|error| unreadable(stream, &error))?.purged;
        metrics::get().purged.with_label_values(&[stream]).inc_by(purged);
        tracing::info!(nats.stream = stream, messages = purged, below = sequence, "stream purged");
        Ok(purged)
    }

    /// Drops the oldest facts once `MC_EVENTS` is nearly full, and the oldest entries once
    /// `MC_AUDIT` is; gives how many. Stays what a durable consumer hasn't acknowledged, or the
    /// audit log hasn't sealed; what goes is told from the tables, which keep what it said.
    pub async fn make_room(&self) -> Result<u64, ReadError> {
        Ok(self.make_room_in(subjects::EVENTS).await? + self.make_room_in(subjects::AUDIT).await?)
    }

    async fn make_room_in(&self, stream: &'static str) -> Result<u64, ReadError> {
        let state = self.state_of(stream).await?;
        let percent = state.percent();
        if percent < HIGH {
            return Ok(0);
        }
        let excess = state.messages - state.messages * LOW / percent;
        let acknowledged = self.acknowledged_by_all(stream).await?.unwrap_or(state.last);
        let read_by_all = acknowledged.min(self.sealed(stream, state.created_at).await?);
        let keep_from = (state.first + excess).min(read_by_all.saturating_add(1));
        let purged = self.purge_below(stream, keep_from).await?;
        if purged == 0 {
            tracing::warn!(
                nats.stream = stream,
                percent,
                "no room made: a consumer, or the audit worker, has to read on"
            );
        }
        Ok(purged)
    }

    /// The sequence up to which a durable consumer says it has delivered, if there is one.
    pub async fn delivered(
        &self,
        stream: &'static str,
        durable: &str,
    ) -> Result<Option<u64>, ReadError> {
        let consumers = self.durable_consumers(stream).await?;
        let found = consumers.iter().find(|consumer| consumer.name == durable);
        Ok(found.map(|consumer| consumer.delivered.stream_sequence))
    }

    /// The sequence up to which the audit log says it has sealed this stream, and no other that
    /// had its name; 0 while it says nothing.
    async fn sealed(&self, stream: &'static str, created_at: Timestamp) -> Result<u64, ReadError> {
        let bucket = self.key_value(KvBucket::AuditAnchor).await;
        let bucket = bucket.map_err(|error| unreadable(stream, &error))?;
        let last = bucket.get(AuditAnchor::LAST).await;
        let Some(last) = last.map_err(|error| unreadable(stream, &error))? else { return Ok(0) };
        let anchor: AuditAnchor =
            serde_json::from_slice(&last).map_err(|error| unreadable(stream, &error))?;
        let (sealed, sealed_of) = if stream == subjects::AUDIT {
            (anchor.audit, anchor.audit_created_at)
        } else {
            (anchor.events, anchor.events_created_at)
        };
        let is_another = sealed_of.is_some_and(|sealed_of| sealed_of != created_at);
        Ok(if is_another { 0 } else { sealed })
    }

    async fn acknowledged_by_all(&self, stream: &'static str) -> Result<Option<u64>, ReadError> {
        let consumers = self.durable_consumers(stream).await?;
        Ok(consumers.iter().map(|consumer| consumer.ack_floor.stream_sequence).min())
    }

    async fn durable_consumers(
        &self,
        stream: &'static str,
    ) -> Result<Vec<async_nats::jetstream::consumer::Info>, ReadError> {
        let found = self.stream(stream).await?;
        let all: Vec<_> =
            found.consumers().try_collect().await.map_err(|error| unreadable(stream, &error))?;
        Ok(all.into_iter().filter(|consumer| consumer.config.durable_name.is_some()).collect())
    }

    async fn stream(&self, stream: &'static str) -> Result<Stream, ReadError> {
        self.jetstream.get_stream(stream).await.map_err(|error| no_stream(stream, &error))
    }
}

fn unreadable(stream: &'static str, error: &impl ToString) -> ReadError {
    ReadError::Unreadable { stream, reason: error.to_string() }
}
