//! From messages of both streams to the rows that are sealed together.

use bus::PositionedMessage;
use contracts::metadata::header;
use contracts::subjects;
use domain::CorrelationId;
use sha2::{Digest as _, Sha256};
use store::audit::{Batch, Row};

use crate::{entry, fact, metrics};

/// FHIR: something failed that should not.
const SERIOUS_FAILURE: i16 = 8;

/// The rows of what was read behind the positions of `batch`, entries before facts.
pub(crate) fn assemble(
    positions: (u64, u64),
    entries: &[PositionedMessage],
    facts: &[PositionedMessage],
) -> Batch {
    let (mut audit, mut events) = positions;
    let mut rows = Vec::with_capacity(entries.len() + facts.len());
    for message in entries {
        note_gap(&mut rows, subjects::AUDIT, &mut audit, message);
        match entry::rows(message) {
            Ok(read) => rows.extend(read),
            Err(reason) => rows.push(unreadable(subjects::AUDIT, message, reason)),
        }
    }
    for message in facts {
        note_gap(&mut rows, subjects::EVENTS, &mut events, message);
        match fact::row(message) {
            Ok(read) => rows.push(read),
            Err(reason) => rows.push(unreadable(subjects::EVENTS, message, reason)),
        }
    }
    Batch { rows, audit, events }
}

/// Moves on to this message, and says so when others should have come before it.
fn note_gap(
    rows: &mut Vec<Row>,
    stream: &'static str,
    position: &mut u64,
    message: &PositionedMessage,
) {
    let (expected, found) = (*position + 1, message.sequence);
    *position = found;
    if found == expected {
        return;
    }
    metrics::GAPS.with_label_values(&[stream]).inc();
    tracing::error!(
        nats.stream = stream,
        gap.from = expected,
        gap.to = found - 1,
        "messages are gone from a stream before they were sealed"
    );
    rows.push(Row {
        outcome: SERIOUS_FAILURE,
        reason: Some("missing".into()),
        gap_from: Some(expected.cast_signed()),
        ..Row::new(stream, found - 1, "gap", message.stored_at)
    });
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
