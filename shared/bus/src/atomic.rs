//! One durable write for many messages: JetStream's atomic batches (NATS ADR-50), by hand,
//! because async-nats has the headers but no publisher.

use std::borrow::Borrow;
use std::time::Duration;

use async_nats::RequestErrorKind;
use async_nats::client::Request;
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use tokio::time::timeout;
use uuid::Uuid;

use crate::Bus;
use crate::message::Outgoing;
use crate::publish_error::PublishError;

/// Most messages in one batch. The server allows 1,000; a quarter of that already spreads the
/// cost of a sync thin, and keeps one publish short.
pub(crate) const MAX_BATCH: usize = 250;

impl Bus {
    /// Stores all messages or none, and returns once they are durable, or when `patience` is
    /// over. The last message's sequence is the acknowledgement's; they are contiguous.
    pub(crate) async fn publish_atomically<M: Borrow<Outgoing>>(
        &self,
        messages: &[M],
        patience: Duration,
    ) -> Result<PublishAck, PublishError> {
        // The client would take them, and send them whenever there is a connection again.
        if !self.is_connected() {
            return Err(PublishError::Unavailable);
        }
        // Around all of it: handing over waits, too, once the client's queue is full.
        let storing = self.store_atomically(messages, patience);
        timeout(patience, storing).await.unwrap_or(Err(PublishError::Unknown))
    }

    async fn store_atomically<M: Borrow<Outgoing>>(
        &self,
        messages: &[M],
        patience: Duration,
    ) -> Result<PublishAck, PublishError> {
        let Some((last, others)) = messages.split_last() else {
            return Err(PublishError::Unavailable);
        };
        if others.is_empty() {
            return self.request_ack(last.borrow().clone(), patience).await;
        }
        let batch_id = Uuid::new_v4().simple().to_string();
        for (index, message) in others.iter().enumerate() {
            let message = member(message.borrow(), &batch_id, index + 1);
            self.client
                .publish_with_headers(message.subject, message.headers, message.body)
                .await
                .map_err(|_| PublishError::Unavailable)?;
        }
        let mut last = member(last.borrow(), &batch_id, messages.len());
        last.headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let ack = self.request_ack(last, patience).await?;
        // A server without atomic batches stores the messages one by one and says nothing.
        if ack.batch_size == Some(messages.len() as u64) {
            Ok(ack)
        } else {
            Err(PublishError::Unknown)
        }
    }

    async fn request_ack(
        &self,
        message: Outgoing,
        patience: Duration,
    ) -> Result<PublishAck, PublishError> {
        let request =
            Request::new().headers(message.headers).payload(message.body).timeout(Some(patience));
        let answer =
            self.client.send_request(message.subject, request).await.map_err(
                |error| match error.kind() {
                    RequestErrorKind::NoResponders => PublishError::Unavailable,
                    RequestErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
                    _ => PublishError::Unknown,
                },
            )?;
        match serde_json::from_slice::<Response<PublishAck>>(&answer.payload) {
            Ok(Response::Ok(ack)) => Ok(ack),
            Ok(Response::Err { error }) => {
                tracing::warn!(%error, "JetStream refused a publish");
                Err(PublishError::from_answer(&error))
            }
            Err(_) => Err(PublishError::Unknown),
        }
    }
}

fn member(message: &Outgoing, batch_id: &str, sequence: usize) -> Outgoing {
    let mut message = message.clone();
    message.headers.insert(NATS_BATCH_ID, batch_id);
    message.headers.insert(NATS_BATCH_SEQUENCE, sequence.to_string().as_str());
    message
}
