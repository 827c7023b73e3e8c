//! Keeping what no worker could settle.

use crate::message::MESSAGE_ID;
use async_nats::HeaderMap;
use contracts::metadata::header;
use contracts::subjects;
use jiff::Timestamp;

use super::delivery::Delivery;
use super::handler::DeadReason;
use crate::message::Outgoing;
use crate::publish_error::PublishError;
use crate::{Bus, metrics};

/// How long a dead letter may stay unanswered; the original stays in the stream meanwhile.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// When a message failed, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failures {
    pub attempts: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Bus {
    /// Copies a message, bytes and headers, to the dead letters, and returns once the copy is
    /// durable. Only then may the original be terminated.
    pub(super) async fn write_dead_letter(
        &self,
        delivery: &Delivery,
        consumer: &'static str,
        reason: &DeadReason,
        failures: Failures,
    ) -> Result<(), PublishError> {
        let letter = Outgoing {
            subject: subject(delivery),
            headers: headers(delivery, consumer, reason, failures),
            body: delivery.body.clone(),
        };
        self.publish_atomically(std::slice::from_ref(&letter), PATIENCE).await?;
        metrics::get().dead_letters.with_label_values(&[consumer, reason.class]).inc();
        tracing::error!(
            subject = letter.subject,
            stream_sequence = delivery.stream_sequence,
            error_class = reason.class,
            detail = reason.detail,
            "message became a dead letter"
        );
        Ok(())
    }
}

/// Named after the request; a message that names none, after its place in the stream.
fn subject(delivery: &Delivery) -> String {
    match subjects::parse_command(&delivery.subject) {
        Some((kind, id)) => subjects::dead_letter("booking", kind.as_str(), &id.to_string()),
        None => subjects::dead_letter("booking", "unknown", &delivery.stream_sequence.to_string()),
    }
}

fn headers(
    delivery: &Delivery,
    consumer: &'static str,
    reason: &DeadReason,
    failures: Failures,
) -> HeaderMap {
    let sequence = delivery.stream_sequence;
    let mut headers = crate::message::headers([
        // Whoever buries it: one message, one letter.
        (MESSAGE_ID, format!("dead:{}:{sequence}", subjects::COMMANDS)),
        (header::DEAD_ORIGIN_STREAM, subjects::COMMANDS.to_owned()),
        (header::DEAD_ORIGIN_SEQUENCE, sequence.to_string()),
        (header::DEAD_ORIGIN_SUBJECT, delivery.subject.to_string()),
        (header::DEAD_CONSUMER, consumer.to_owned()),
        (header::DEAD_ATTEMPTS, failures.attempts.to_string()),
        (header::DEAD_FIRST_FAILURE, failures.first_at.to_string()),
        (header::DEAD_LAST_FAILURE, failures.last_at.to_string()),
        (header::DEAD_ERROR_CLASS, reason.class.to_owned()),
        (header::DEAD_ERROR_DETAIL, reason.detail.clone()),
        (header::DEAD_FINGERPRINT, fingerprint(reason)),
        (header::DEAD_WORKER_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    // NATS's own headers would act again: a batch's would make this letter part of a batch.
    for (name, values) in delivery.headers.iter().flat_map(HeaderMap::iter) {
        if !name.to_string().to_ascii_lowercase().starts_with("nats-") {
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
    }
    headers
}

/// Groups letters that failed alike.
pub(crate) fn fingerprint(reason: &DeadReason) -> String {
    let name = format!("{}|{}", reason.class, reason.detail);
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string()
}
