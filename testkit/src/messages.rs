//! Messages for tests that don't care what is in them.

use bus::OutgoingCommand;
use contracts::{BookingCommand, CancelAppointment, Metadata};
use domain::{Actor, AppointmentId, CancelationReason, CorrelationId, RequestId, Role, UserId};

/// A readable command of nobody in particular.
pub fn any_command(request_id: RequestId, reply_to: Option<String>) -> OutgoingCommand {
    let command = BookingCommand::Cancel(CancelAppointment {
        appointment_id: AppointmentId::generate(),
        version: 1,
        reason: CancelationReason::Other,
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
