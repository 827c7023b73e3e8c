//! Messages for tests that don't care what is in them.

use bus::OutgoingCommand;
use contracts::audit::{AuditAction, AuditOutcome, AuditWord, PurposeOfUse};
use contracts::{AuditEntry, AuditKind, BookingCommand, CancelAppointment, Metadata};
use domain::{
    Actor, AppointmentId, AuditEntryId, CancelationReason, CorrelationId, PatientId, RequestId,
    Role, UserId,
};

/// A readable command of nobody in particular.
pub fn any_command(request_id: RequestId, reply_to: Option<String>) -> OutgoingCommand {
    let command = BookingCommand::Cancel(CancelAppointment {
        appointment_id: AppointmentId::generate(),
        version: 1,
        reason: CancelationReason::Other,
        override_reason: None,
    });
    let metadata = Metadata {
        correlation_id: CorrelationId::generate(),
        request_id,
        causation_id: None,
        reply_to,
        actor: Actor { id: UserId::generate(), role: Role::Patient },
        schema: command.schema(),
        accepted_at: jiff::Timestamp::UNIX_EPOCH,
        idempotency_id: None,
        trace: None,
    };
    OutgoingCommand { command, metadata }
}

/// An audit entry of nobody in particular, which shows these patients' data.
pub fn any_entry(patients: &[PatientId]) -> AuditEntry {
    AuditEntry {
        id: AuditEntryId::generate(),
        kind: AuditKind::Search,
        recorded_at: domain::Clock::now(&domain::SystemClock),
        action: AuditAction::Execute,
        operation: AuditWord::of("GET /v1/appointments"),
        outcome: AuditOutcome::Success,
        reason: None,
        stated_reason: None,
        user_id: Some(UserId::generate()),
        role: Some(Role::Admin),
        session_id: None,
        source_address: Some([192, 0, 2, 1].into()),
        purpose: Some(PurposeOfUse::of(Role::Admin)),
        resource: None,
        patients: patients.to_vec(),
        occurrences: 1,
        correlation_id: CorrelationId::generate(),
        source: AuditWord::of("api/test"),
    }
}
