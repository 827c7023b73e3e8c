//! Reading a stream by position: whoever reads knows how far they are, and the server keeps
//! nothing for them. One request brings many messages (direct get in batches, NATS ADR-31), by
//! hand, because async-nats has single messages only.

use std::str::FromStr;
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

/// The message that was sent before this one; 0 before the first (ADR-31).
const LAST_SEQUENCE: &str = "Nats-Last-Sequence";

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
    /// Sequences that are left out were removed from the stream: every message names the one that
    /// was sent before it, so what is lost on the way here ends the answer early.
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
        let mut messages: Vec<PositionedMessage> = Vec::with_capacity(count);
        let mut last_sent = 0;
        loop {
            let answer = timeout(PATIENCE, answers.next())
                .await
                .map_err(|_| unreadable(format!("no answer in {} s", PATIENCE.as_secs())))?
                .ok_or_else(|| unreadable("the connection was closed".to_owned()))?;
            match answer.status.map(|status| status.as_u16()) {
                // The end of the batch, or nothing at all.
                Some(404) if messages.is_empty() => return Ok(messages),
                Some(204 | 404) => {
                    let sent = header::<u64>(answer.headers.as_ref(), LAST_SEQUENCE);
                    return up_to_a_loss(messages, sent == Ok(last_sent)).map_err(unreadable);
                }
                Some(503) => return Err(ReadError::NoStream(stream)),
                Some(status) => {
                    let why = answer.description.unwrap_or_default();
                    return Err(unreadable(format!("status {status} {why}")));
                }
                None => {
                    let sent_before = header::<u64>(answer.headers.as_ref(), LAST_SEQUENCE);
                    if sent_before.map_err(unreadable)? != last_sent {
                        return up_to_a_loss(messages, false).map_err(unreadable);
                    }
                    let message = message(answer).map_err(unreadable)?;
                    last_sent = message.sequence;
                    messages.push(message);
                }
            }
        }
    }
}

/// What arrived before something was lost; whoever reads on asks for the rest.
fn up_to_a_loss(
    messages: Vec<PositionedMessage>,
    is_complete: bool,
) -> Result<Vec<PositionedMessage>, String> {
    if is_complete {
        return Ok(messages);
    }
    tracing::warn!(messages = messages.len(), "a part of an answer was lost");
    if messages.is_empty() { Err("its answer was lost".to_owned()) } else { Ok(messages) }
}

fn message(answer: async_nats::Message) -> Result<PositionedMessage, String> {
    let headers = answer.headers.unwrap_or_default();
    Ok(PositionedMessage {
        sequence: header(Some(&headers), "Nats-Sequence")?,
        subject: header(Some(&headers), "Nats-Subject")?,
        stored_at: header(Some(&headers), "Nats-Time-Stamp")?,
        body: answer.payload,
        headers,
    })
}

fn header<T: FromStr>(headers: Option<&HeaderMap>, name: &str) -> Result<T, String> {
    let value = headers.and_then(|headers| headers.get(name)).map(HeaderValue::as_str);
    let value = value.ok_or_else(|| format!("an answer has no {name}"))?;
    value.parse().map_err(|_| format!("an answer's {name} can't be read"))
}
