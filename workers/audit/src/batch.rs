//! From messages of both streams to the rows that are sealed together.

use bus::PositionedMessage;
use contracts::metadata::header;
use domain::CorrelationId;
use sha2::{Digest as _, Sha256};
use store::audit::{Batch, Position, Positions, Row};

use crate::reading::Look;
use crate::{entry, fact, metrics};

/// FHIR: something failed that should not.
const SERIOUS_FAILURE: i16 = 8;

/// Adds the rows of a message, or none and says why it can't be read.
type ReadRows = fn(&PositionedMessage, &mut Vec<Row>) -> Result<(), &'static str>;

/// The rows of what was read, entries before facts.
pub(crate) fn assemble(entries: &Look, facts: &Look) -> Batch {
    let mut rows = Vec::with_capacity(entries.messages.len() + facts.messages.len());
    let behind = Positions { audit: entries.behind, events: facts.behind };
    let audit = add(&mut rows, entries, entry::read);
    let events = add(&mut rows, facts, fact::read);
    Batch { rows, behind, read: Positions { audit, events } }
}

/// Adds the rows of one stream; gives how far it was read.
fn add(rows: &mut Vec<Row>, look: &Look, read: ReadRows) -> Position {
    let stream = look.stream;
    if let Some(before) = look.instead_of {
        rows.push(remade(stream, before, look.behind));
    }
    let mut last = look.behind.sequence;
    for message in &look.messages {
        if message.sequence != last + 1 {
            rows.push(missing(stream, last + 1, message));
        }
        last = message.sequence;
        if let Err(reason) = read(message, rows) {
            rows.push(unreadable(stream, message, reason));
        }
    }
    Position { sequence: last, ..look.behind }
}

/// Messages that should have come before this one.
fn missing(stream: &'static str, from: u64, message: &PositionedMessage) -> Row {
    let to = message.sequence - 1;
    metrics::GAPS.with_label_values(&[stream]).inc();
    tracing::error!(
        nats.stream = stream,
        gap.from = from,
        gap.to = to,
        "messages are gone from a stream before they were sealed"
    );
    gap("missing", from, Row::new(stream, to, "gap", message.stored_at))
}

/// The end of a stream that was replaced by another one of its name: what it held beyond that,
/// nobody knows.
fn remade(stream: &'static str, before: Position, now: Position) -> Row {
    metrics::GAPS.with_label_values(&[stream]).inc();
    tracing::error!(
        nats.stream = stream,
        gap.from = before.sequence + 1,
        "a stream was made anew: what the old one held beyond what is sealed is lost"
    );
    let since = now.created_at.unwrap_or_default();
    gap("remade", before.sequence + 1, Row::new(stream, now.sequence, "gap", since))
}

fn gap(reason: &'static str, from: u64, row: Row) -> Row {
    Row {
        outcome: SERIOUS_FAILURE,
        reason: Some(reason.into()),
        gap_from: Some(from.cast_signed()),
        ..row
    }
}

/// A message that can't be read is sealed as that: its bytes stay in the stream.
fn unreadable(stream: &'static str, message: &PositionedMessage, reason: &'static str) -> Row {
    metrics::UNREADABLE.with_label_values(&[stream, reason]).inc();
    tracing::error!(
        nats.stream = stream,
        nats.sequence = message.sequence,
        reason,
        "a message can't be read: it is sealed as such"
    );
    let correlation_id = message.header(header::CORRELATION_ID);
    let correlation_id = correlation_id.and_then(|id| id.parse::<CorrelationId>().ok());
    Row {
        outcome: SERIOUS_FAILURE,
        reason: Some(reason.into()),
        correlation_id: correlation_id.map(CorrelationId::as_uuid),
        message_sha256: Some(Sha256::digest(&message.body).to_vec()),
        ..Row::new(stream, message.sequence, "unreadable", message.stored_at)
    }
}
