//! A fact of `MC_EVENTS`, as a row: what a worker changed, and for whom.

use bus::PositionedMessage;
use contracts::audit::{AuditAction, PurposeOfUse, ResourceKind};
use contracts::metadata::header;
use contracts::{
    AppointmentEvent, AvailabilityChanged, CareEvent, EventKind, LocationChanged, NoteEvent,
    ServiceChanged, subjects,
};
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
    /// Why it was done although the rules say otherwise, in somebody's words.
    stated_reason: Option<String>,
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
        stated_reason: change.stated_reason.map(Into::into),
        correlation_id: Some(correlation_id.as_uuid()),
        ..Row::new(subjects::EVENTS, message.sequence, KIND, change.occurred_at)
    });
    Ok(())
}

fn change(kind: EventKind, body: &[u8]) -> Result<Change, &'static str> {
    match kind {
        EventKind::AppointmentBooked | EventKind::AppointmentHeld => {
            visit(AuditAction::Create, body)
        }
        EventKind::AppointmentCancelled
        | EventKind::AppointmentRescheduled
        | EventKind::AppointmentStatusChanged => visit(AuditAction::Update, body),
        EventKind::NoteWritten => {
            let NoteEvent { note, occurred_at } = read_body(body)?;
            Ok(Change {
                action: AuditAction::Create,
                resource: ResourceKind::DocumentReference,
                id: note.id.as_uuid(),
                version: Some(note.version),
                patient: Some(note.patient_id.as_uuid()),
                stated_reason: None,
                occurred_at,
            })
        }
        EventKind::CareAssigned => care(AuditAction::Create, body),
        EventKind::CareEnded => care(AuditAction::Update, body),
        EventKind::AvailabilityChanged => {
            let AvailabilityChanged { practitioner_id, occurred_at } = read_body(body)?;
            Ok(Change {
                action: AuditAction::Update,
                resource: ResourceKind::Schedule,
                id: practitioner_id.as_uuid(),
                version: None,
                patient: None,
                stated_reason: None,
                occurred_at,
            })
        }
        EventKind::LocationChanged => {
            let LocationChanged { location, occurred_at } = read_body(body)?;
            let (id, version) = (location.id.as_uuid(), location.version);
            Ok(made_or_changed(ResourceKind::Location, id, version, occurred_at))
        }
        EventKind::ServiceChanged => {
            let ServiceChanged { service, occurred_at } = read_body(body)?;
            let (id, version) = (service.id.as_uuid(), service.version);
            Ok(made_or_changed(ResourceKind::HealthcareService, id, version, occurred_at))
        }
    }
}

fn made_or_changed(
    resource: ResourceKind,
    id: Uuid,
    version: i32,
    occurred_at: Timestamp,
) -> Change {
    let action = if version == 1 { AuditAction::Create } else { AuditAction::Update };
    Change {
        action,
        resource,
        id,
        version: Some(version),
        patient: None,
        stated_reason: None,
        occurred_at,
    }
}

fn visit(action: AuditAction, body: &[u8]) -> Result<Change, &'static str> {
    let AppointmentEvent { appointment, occurred_at, override_reason, .. } = read_body(body)?;
    Ok(Change {
        action,
        resource: ResourceKind::Appointment,
        id: appointment.id.as_uuid(),
        version: Some(appointment.version),
        patient: Some(appointment.patient_id.as_uuid()),
        stated_reason: override_reason.map(String::from),
        occurred_at,
    })
}

fn care(action: AuditAction, body: &[u8]) -> Result<Change, &'static str> {
    let CareEvent { care_relation, occurred_at } = read_body(body)?;
    Ok(Change {
        action,
        resource: ResourceKind::CareTeam,
        id: care_relation.id.as_uuid(),
        version: None,
        patient: Some(care_relation.patient_id.as_uuid()),
        stated_reason: None,
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
