//! What travels beside a body, as headers.

use std::fmt;
use std::str::FromStr;

use domain::{Actor, CorrelationId, RequestId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{IdempotencyId, TraceContext};

/// Header names. Values are enum words, ids and times made by us, never text from outside.
pub mod header {
    /// Joins everything that belongs to one request from outside.
    pub const CORRELATION_ID: &str = "Mc-Correlation-Id";
    /// The accepted request.
    pub const REQUEST_ID: &str = "Mc-Request-Id";
    /// The message that caused this one.
    pub const CAUSATION_ID: &str = "Mc-Causation-Id";
    /// Core NATS subject on which somebody waits for the outcome.
    pub const REPLY_TO: &str = "Mc-Reply-To";
    /// `<user-id>/<role>`.
    pub const ACTOR: &str = "Mc-Actor";
    /// `<kind>/<version>`.
    pub const SCHEMA: &str = "Mc-Schema";
    /// When api accepted the request, RFC 3339.
    pub const ACCEPTED_AT: &str = "Mc-Accepted-At";
    /// The idempotency id, when the caller gave a key.
    pub const IDEMPOTENCY_ID: &str = "Mc-Idempotency-Id";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace context, vendors' part.
    pub const TRACESTATE: &str = "tracestate";
    /// Version of the aggregate that an event speaks of.
    pub const AGGREGATE_VERSION: &str = "Mc-Aggregate-Version";
    /// Dead letters: stream the message came from.
    pub const DEAD_ORIGIN_STREAM: &str = "Mc-Dead-Origin-Stream";
    /// Dead letters: its sequence there.
    pub const DEAD_ORIGIN_SEQUENCE: &str = "Mc-Dead-Origin-Sequence";
    /// Dead letters: the subject it had.
    pub const DEAD_ORIGIN_SUBJECT: &str = "Mc-Dead-Origin-Subject";
    /// Dead letters: the consumer that gave up.
    pub const DEAD_CONSUMER: &str = "Mc-Dead-Consumer";
    /// Dead letters: how often it was delivered.
    pub const DEAD_ATTEMPTS: &str = "Mc-Dead-Attempts";
    /// Dead letters: when this worker first failed on it, RFC 3339.
    pub const DEAD_FIRST_FAILURE: &str = "Mc-Dead-First-Failure";
    /// Dead letters: when it failed last, RFC 3339.
    pub const DEAD_LAST_FAILURE: &str = "Mc-Dead-Last-Failure";
    /// Dead letters: the class of the error, an enum word.
    pub const DEAD_ERROR_CLASS: &str = "Mc-Dead-Error-Class";
    /// Dead letters: what happened, in words of ours, without values from the message.
    pub const DEAD_ERROR_DETAIL: &str = "Mc-Dead-Error-Detail";
    /// Dead letters: groups letters that failed alike; a hash.
    pub const DEAD_FINGERPRINT: &str = "Mc-Dead-Fingerprint";
    /// Dead letters: the version of the program that gave up.
    pub const DEAD_WORKER_VERSION: &str = "Mc-Dead-Worker-Version";
    /// Replays: the dead letter that is tried again.
    pub const REPLAY_OF: &str = "Mc-Replay-Of";
    /// Replays: who wanted it, `<user-id>/<role>`.
    pub const REPLAYED_BY: &str = "Mc-Replayed-By";
    /// Replays: how often the message was put into the stream, the first time included.
    pub const REPLAY_GENERATION: &str = "Mc-Replay-Generation";
}

/// Kind and version of a body: `booking.book/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema<'a> {
    /// What the body is.
    pub kind: &'a str,
    /// Which version of it.
    pub version: u16,
}

impl<'a> Schema<'a> {
    /// Reads `<kind>/<version>`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (kind, version) = text.split_once('/')?;
        Some(Self { kind, version: version.parse().ok()? })
    }
}

impl fmt::Display for Schema<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.version)
    }
}

/// The envelope of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Joins everything that belongs to one request from outside.
    pub correlation_id: CorrelationId,
    /// The accepted request.
    pub request_id: RequestId,
    /// The message that caused this one.
    pub causation_id: Option<Uuid>,
    /// Where somebody waits for the outcome.
    pub reply_to: Option<String>,
    /// In whose name.
    pub actor: Actor,
    /// `<kind>/<version>` of the body.
    pub schema: String,
    /// When api accepted the request.
    pub accepted_at: Timestamp,
    /// Set when the caller gave an `Idempotency-Key`.
    pub idempotency_id: Option<IdempotencyId>,
    /// W3C trace context of the sender.
    pub trace: Option<TraceContext>,
}

/// A header is missing or can't be read. Never quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {0} is missing or unreadable")]
pub struct InvalidHeader(pub &'static str);

impl Metadata {
    /// The headers, as names and values.
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (header::CORRELATION_ID, self.correlation_id.to_string()),
            (header::REQUEST_ID, self.request_id.to_string()),
            (header::ACTOR, self.actor.to_string()),
            (header::SCHEMA, self.schema.clone()),
            (header::ACCEPTED_AT, self.accepted_at.to_string()),
        ];
        let optional = [
            (header::CAUSATION_ID, self.causation_id.map(|id| id.to_string())),
            (header::REPLY_TO, self.reply_to.clone()),
            (header::IDEMPOTENCY_ID, self.idempotency_id.map(|id| id.to_string())),
            (header::TRACEPARENT, self.trace.as_ref().map(TraceContext::traceparent)),
            (
                header::TRACESTATE,
                self.trace.as_ref().and_then(|trace| trace.tracestate()).map(str::to_owned),
            ),
        ];
        headers.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        headers
    }

    /// Reads the headers back; `get` looks one up by name.
    pub fn from_headers<'a>(
        get: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Result<Self, InvalidHeader> {
        fn required<'a, T: FromStr>(
            get: &impl Fn(&'static str) -> Option<&'a str>,
            name: &'static str,
        ) -> Result<T, InvalidHeader> {
            get(name).and_then(|value| value.parse().ok()).ok_or(InvalidHeader(name))
        }
        fn optional<'a, T: FromStr>(
            get: &impl Fn(&'static str) -> Option<&'a str>,
            name: &'static str,
        ) -> Result<Option<T>, InvalidHeader> {
            get(name).map(|value| value.parse().map_err(|_| InvalidHeader(name))).transpose()
        }
        Ok(Self {
            correlation_id: required(&get, header::CORRELATION_ID)?,
            request_id: required(&get, header::REQUEST_ID)?,
            causation_id: optional(&get, header::CAUSATION_ID)?,
            reply_to: optional(&get, header::REPLY_TO)?,
            actor: required(&get, header::ACTOR)?,
            schema: required(&get, header::SCHEMA)?,
            accepted_at: required(&get, header::ACCEPTED_AT)?,
            idempotency_id: optional(&get, header::IDEMPOTENCY_ID)?,
            trace: get(header::TRACEPARENT)
                .and_then(|parent| TraceContext::parse(parent, get(header::TRACESTATE)).ok()),
        })
    }

    /// Kind and version of the body.
    pub fn schema(&self) -> Result<Schema<'_>, InvalidHeader> {
        Schema::parse(&self.schema).ok_or(InvalidHeader(header::SCHEMA))
    }
}
