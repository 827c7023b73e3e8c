//! Dead letters with their bytes, and the way back into the stream that they came from.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::client::Request;
use bytes::Bytes;
use contracts::metadata::{InvalidHeader, header};
use contracts::{Metadata, subjects};
use domain::{Actor, DeadLetterId};

use crate::lookup::LookupError;
use crate::message::{MESSAGE_ID, Outgoing, metadata};
use crate::publish_error::PublishError;
use crate::{Accepted, Bus};

/// How long a replay may stay unanswered. Nothing is lost when it does: the letter stays.
const PATIENCE: Duration = Duration::from_secs(5);

/// Headers that tell of a death, or that would make somebody who is long gone wait for a reply.
const LEFT_BEHIND: [&str; 3] = ["nats-", "mc-dead-", "mc-replay"];

/// A dead letter as it lies in `MC_DEAD`.
#[derive(Clone, Debug)]
pub struct StoredLetter {
    headers: HeaderMap,
    /// What could not be settled.
    pub body: Bytes,
}

/// Trying a letter again. Why is nothing that travels: it is what somebody typed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Which letter.
    pub of: DeadLetterId,
    /// How often the message will have been in the stream.
    pub generation: i32,
    /// Who wants it.
    pub by: Actor,
}

impl StoredLetter {
    /// The envelope of the message.
    pub fn metadata(&self) -> Result<Metadata, InvalidHeader> {
        metadata(Some(&self.headers))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(async_nats::HeaderValue::as_str)
    }

    /// The message again, as it was accepted: same body, same request, same correlation id.
    fn again(&self, replay: &Replay) -> Option<Outgoing> {
        let subject = self.header(header::DEAD_ORIGIN_SUBJECT)?;
        // A letter must not make anybody publish anywhere else.
        subjects::parse_command(subject)?;
        let mut headers = crate::message::headers([
            // New for each generation: repeating one replay within the server's window is one.
            (MESSAGE_ID, format!("replay:{}:{}", replay.of, replay.generation)),
            (header::REPLAY_OF, replay.of.to_string()),
            (header::REPLAYED_BY, replay.by.to_string()),
            (header::REPLAY_GENERATION, replay.generation.to_string()),
        ]);
        for (name, values) in self.headers.iter() {
            let lower = name.to_string().to_ascii_lowercase();
            let stays_behind = LEFT_BEHIND.iter().any(|prefix| lower.starts_with(prefix));
            if !stays_behind && !lower.eq_ignore_ascii_case(header::REPLY_TO) {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        Some(Outgoing { subject: subject.to_owned(), headers, body: self.body.clone() })
    }
}

impl Bus {
    /// The letter at this position of `MC_DEAD`; none when there is none.
    pub async fn dead_letter(&self, sequence: u64) -> Result<Option<StoredLetter>, LookupError> {
        let request = serde_json::json!({ "seq": sequence }).to_string();
        let answer = self
            .client
            .send_request(
                format!("$JS.API.DIRECT.GET.{}", subjects::DEAD),
                Request::new().payload(request.into()),
            )
            .await
            .map_err(|error| LookupError(error.to_string()))?;
        match answer.status.map(|status| status.as_u16()) {
            Some(404) => Ok(None),
            Some(status) => Err(LookupError(format!("status {status}"))),
            None => {
                let headers = answer.headers.unwrap_or_default();
                Ok(Some(StoredLetter { headers, body: answer.payload }))
            }
        }
    }

    /// Puts a letter's message back into the stream it came from, and returns once it is durable
    /// there. None when the letter doesn't say where it came from.
    pub async fn replay(
        &self,
        letter: &StoredLetter,
        replay: &Replay,
    ) -> Result<Option<Accepted>, PublishError> {
        let Some(message) = letter.again(replay) else { return Ok(None) };
        let ack = self.publish_atomically(std::slice::from_ref(&message), PATIENCE).await?;
        Ok(Some(Accepted { stream_sequence: ack.sequence }))
    }
}
