//! Reading a stream by position: whoever reads knows how far they are, and the server keeps
//! nothing for them. One request brings many messages (direct get in batches, NATS ADR-31), by
//! hand, because async-nats has single messages only.

use std::time::Duration;

use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::Bus;
use crate::reading::ReadError;

/// How long the next message of an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of one answer, at most: a bound on memory.
const MAX_BYTES: usize = 16 << 20;

/// A message as it lies in its stream.
#[derive(Clone, Debug)]
pub struct PositionedMessage {
    /// Its position.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// When the server stored it.
    pub stored_at: Timestamp,
    /// Its body.
    pub body: Bytes,
    headers: HeaderMap,
}

impl PositionedMessage {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(HeaderValue::as_str)
    }
}

impl Bus {
    /// The first `count` messages at or behind `sequence`, in order; none at the stream's end.
    /// Sequences that are left out were removed from the stream.
    pub async fn messages_from(
        &self,
        stream: &'static str,
        sequence: u64,
        count: usize,
    ) -> Result<Vec<PositionedMessage>, ReadError> {
        let unreadable = |reason: String| ReadError::Unreadable { stream, reason };
        let inbox = self.client.new_inbox();
        let mut answers = self
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| unreadable(error.to_string()))?;
        let request =
            serde_json::json!({ "seq": sequence, "batch": count, "max_bytes": MAX_BYTES });
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        self.client
            .publish_with_reply(subject, inbox, request.to_string().into())
            .await
            .map_err(|error| unreadable(error.to_string()))?;
        let mut messages = Vec::with_capacity(count);
        loop {
            let answer = timeout(PATIENCE, answers.next())
                .await
                .map_err(|_| unreadable(format!("no answer in {} s", PATIENCE.as_secs())))?
                .ok_or_else(|| unreadable("the connection was closed".to_owned()))?;
            match answer.status.map(|status| status.as_u16()) {
                // The end of the batch, or nothing at all.
                Some(204 | 404) => return Ok(messages),
                Some(503) => return Err(ReadError::NoStream(stream)),
                Some(status) => {
                    let why = answer.description.unwrap_or_default();
                    return Err(unreadable(format!("status {status} {why}")));
                }
                None => messages.push(message(answer).map_err(unreadable)?),
            }
        }
    }
}

fn message(answer: async_nats::Message) -> Result<PositionedMessage, String> {
    let headers = answer.headers.ok_or("an answer has no headers")?;
    let header = |name: &'static str| {
        let value = headers.get(name).map(HeaderValue::as_str);
        value.ok_or_else(|| format!("an answer has no {name}"))
    };
    let sequence = header("Nats-Sequence")?.parse();
    let stored_at = header("Nats-Time-Stamp")?.parse();
    Ok(PositionedMessage {
        sequence: sequence.map_err(|_| "an answer's sequence can't be read")?,
        subject: header("Nats-Subject")?.to_owned(),
        stored_at: stored_at.map_err(|_| "an answer's time can't be read")?,
        body: answer.payload,
        headers,
    })
}
