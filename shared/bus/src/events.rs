//! Publishing facts from an outbox.

use std::time::Duration;

use crate::message::MESSAGE_ID;
use contracts::metadata::header;
use contracts::{EventKind, TraceContext};
use domain::{CorrelationId, EventId, RequestId};

use crate::Bus;
use crate::atomic::MAX_BATCH;
use crate::message::{Outgoing, headers};
use crate::publish_error::PublishError;

/// How long a batch of facts may stay unanswered. Its rows are locked meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// A committed fact on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingEvent {
    /// Consumers deduplicate by it; also `Nats-Msg-Id`.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Version of the aggregate after it.
    pub aggregate_version: i32,
    /// JSON.
    pub body: Vec<u8>,
    /// Of the request that caused it.
    pub correlation_id: CorrelationId,
    /// The request that caused it.
    pub request_id: RequestId,
    /// `<user-id>/<role>` of its caller.
    pub actor: String,
    /// Of its message.
    pub trace: Option<TraceContext>,
}

impl Bus {
    /// Returns once all events are durable. Repeating it is harmless: the server drops repeated
    /// ids within its window, consumers deduplicate beyond it.
    pub async fn publish_events(&self, events: &[OutgoingEvent]) -> Result<(), PublishError> {
        for chunk in events.chunks(MAX_BATCH) {
            let messages: Vec<_> = chunk.iter().map(outgoing).collect();
            if self.publish_atomically(&messages, PATIENCE).await.is_ok() {
                continue;
            }
            // One id that is known already refuses a whole batch; singly, it is acknowledged as
            // a duplicate.
            for message in messages {
                self.publish_atomically(std::slice::from_ref(&message), PATIENCE).await?;
            }
        }
        Ok(())
    }
}

fn outgoing(event: &OutgoingEvent) -> Outgoing {
    let trace = event.trace.as_ref();
    let optional = [
        (header::TRACEPARENT, trace.map(TraceContext::traceparent)),
        (header::TRACESTATE, trace.and_then(TraceContext::tracestate).map(str::to_owned)),
    ];
    let pairs = [
        (MESSAGE_ID, event.id.to_string()),
        (header::CORRELATION_ID, event.correlation_id.to_string()),
        (header::REQUEST_ID, event.request_id.to_string()),
        (header::CAUSATION_ID, event.request_id.to_string()),
        (header::ACTOR, event.actor.clone()),
        (header::SCHEMA, event.kind.schema()),
        (header::AGGREGATE_VERSION, event.aggregate_version.to_string()),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Outgoing {
        subject: event.kind.subject(),
        headers: headers(pairs.into_iter().chain(optional)),
        body: event.body.clone().into(),
    }
}
