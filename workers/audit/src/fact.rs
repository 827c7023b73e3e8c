//! A fact of `MC_EVENTS`, as a row: what a worker changed, and for whom.

use bus::PositionedMessage;
use contracts::audit::{AuditAction, PurposeOfUse, ResourceKind};
use contracts::metadata::header;
use contracts::{AppointmentEvent, AvailabilityChanged, EventKind, subjects};
use domain::{Actor, CorrelationId, EventId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use store::audit::Row;
use uuid::Uuid;

/// What the record calls a fact.
const KIND: &str = "fact";

/// What one kind of fact says.
struct Change {
    action: AuditAction,
    resource: ResourceKind,
    id: Uuid,
    version: Option<i32>,
    patient: Option<Uuid>,
    occurred_at: Timestamp,
}

/// Adds the row of a fact.
pub(crate) fn read(message: &PositionedMessage, rows: &mut Vec<Row>) -> Result<(), &'static str> {
    let kind = message.subject.strip_prefix("mc.evt.").and_then(|kind| kind.parse().ok());
    let kind: EventKind = kind.ok_or("unknown_kind")?;
    if message.header(header::SCHEMA) != Some(kind.schema().as_str()) {
        return Err("schema");
    }
    let actor: Actor = read_header(message, header::ACTOR)?;
    let correlation_id: CorrelationId = read_header(message, header::CORRELATION_ID)?;
    let id: EventId = read_header(message, "Nats-Msg-Id")?;
    let change = change(kind, &message.body)?;
    rows.push(Row {
        entry_id: Some(id.as_uuid()),
        action: Some(change.action.as_str().into()),
        operation: Some(kind.as_str().into()),
        user_id: Some(actor.id.as_uuid()),
        role: Some(actor.role.as_str().into()),
        purpose: Some(PurposeOfUse::of(actor.role).as_str().into()),
        resource_kind: Some(change.resource.as_str().into()),
        resource_id: Some(change.id),
        resource_version: change.version,
        patient_id: change.patient,
        correlation_id: Some(correlation_id.as_uuid()),
        ..Row::new(subjects::EVENTS, message.sequence, KIND, change.occurred_at)
    });
    Ok(())
}

fn change(kind: EventKind, body: &[u8]) -> Result<Change, &'static str> {
    match kind {
        EventKind::AppointmentBooked => visit(AuditAction::Create, body),
        EventKind::AppointmentCancelled => visit(AuditAction::Update, body),
        EventKind::AvailabilityChanged => {
            let AvailabilityChanged { practitioner_id, occurred_at } = read_body(body)?;
            Ok(Change {
                action: AuditAction::Update,
                resource: ResourceKind::Schedule,
                id: practitioner_id.as_uuid(),
                version: None,
                patient: None,
                occurred_at,
            })
        }
    }
}

fn visit(action: AuditAction, body: &[u8]) -> Result<Change, &'static str> {
    let AppointmentEvent { appointment, occurred_at } = read_body(body)?;
    Ok(Change {
        action,
        resource: ResourceKind::Appointment,
        id: appointment.id.as_uuid(),
        version: Some(appointment.version),
        patient: Some(appointment.patient_id.as_uuid()),
        occurred_at,
    })
}

fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    serde_json::from_slice(body).map_err(|_| "undecodable")
}

fn read_header<T: std::str::FromStr>(
    message: &PositionedMessage,
    name: &str,
) -> Result<T, &'static str> {
    message.header(name).and_then(|value| value.parse().ok()).ok_or("envelope")
}
