//! An entry of `MC_AUDIT`, as rows: one per patient whose data was shown.

use bus::PositionedMessage;
use contracts::audit::{AuditResource, UnreadableEntry};
use contracts::metadata::header;
use contracts::{AuditEntry, subjects};
use domain::PatientId;
use store::audit::Row;

/// Adds the rows of an entry.
pub(crate) fn read(message: &PositionedMessage, rows: &mut Vec<Row>) -> Result<(), &'static str> {
    let entry = AuditEntry::from_message(message.header(header::SCHEMA), &message.body)
        .map_err(UnreadableEntry::as_str)?;
    if message.subject != entry.kind.subject() {
        return Err("subject");
    }
    let row = row(&entry, message.sequence);
    if let Some((last, others)) = entry.patients.split_last() {
        let of = |patient: &PatientId, row| Row { patient_id: Some(patient.as_uuid()), ..row };
        rows.extend(others.iter().map(|patient| of(patient, row.clone())));
        rows.push(of(last, row));
    } else {
        rows.push(row);
    }
    Ok(())
}

fn row(entry: &AuditEntry, sequence: u64) -> Row {
    let resource = entry.resource;
    Row {
        entry_id: Some(entry.id.as_uuid()),
        action: Some(entry.action.as_str().into()),
        operation: Some(entry.operation.as_str().to_owned().into()),
        outcome: entry.outcome.code(),
        reason: entry.reason.as_ref().map(|reason| reason.as_str().to_owned().into()),
        stated_reason: entry.stated_reason.clone().map(|reason| String::from(reason).into()),
        user_id: entry.user_id.map(domain::UserId::as_uuid),
        role: entry.role.map(|role| role.as_str().into()),
        session_id: entry.session_id.map(domain::SessionId::as_uuid),
        source_address: entry.source_address.map(|address| address.to_string().into()),
        purpose: entry.purpose.map(|purpose| purpose.as_str().into()),
        resource_kind: resource.map(|AuditResource { kind, .. }| kind.as_str().into()),
        resource_id: resource.and_then(|AuditResource { id, .. }| id),
        resource_version: resource.and_then(|AuditResource { version, .. }| version),
        occurrences: i32::try_from(entry.occurrences).unwrap_or(i32::MAX),
        correlation_id: Some(entry.correlation_id.as_uuid()),
        source: Some(entry.source.as_str().to_owned().into()),
        ..Row::new(subjects::AUDIT, sequence, entry.kind.as_str(), entry.recorded_at)
    }
}
