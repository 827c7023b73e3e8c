//! `booking.undo-status`: takes the last status of a visit back.

use std::collections::HashMap;

use contracts::{Applied, AppointmentState, Rejection, SeenAppointment};
use domain::{AppointmentId, Role, StatusChange, status_before};
use store::booking::appointments::{self, Busy};
use store::booking::{Contention, Failure, Transaction};

use crate::order::{Order, Outcomes};
use crate::rules::as_seen;

/// Settles one after the other: a visit that was called off takes its time again, which somebody
/// else may have meanwhile.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SeenAppointment>],
    histories: &HashMap<AppointmentId, Vec<StatusChange>>,
    appointments: &mut HashMap<AppointmentId, AppointmentState>,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    for order in orders {
        let id = order.command.appointment_id;
        let history = histories.get(&id).map(Vec::as_slice).unwrap_or_default();
        let undone = match decide(order, appointments.get(&id), history) {
            Ok(state) => write(transaction, state).await?,
            Err(reason) => Err(reason),
        };
        match undone {
            Ok(state) => {
                outcomes.apply(order.index, Applied::Appointment(state.clone()));
                appointments.insert(id, state);
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    Ok(())
}

async fn write(
    transaction: &Transaction<'_>,
    state: AppointmentState,
) -> Result<Result<AppointmentState, Rejection>, Failure> {
    if appointments::take_again(transaction, &state).await? {
        return Ok(Ok(state));
    }
    match appointments::busy_beside(transaction, &state, None).await? {
        Busy { practitioner: true, .. } => Ok(Err(Rejection::SlotTaken)),
        Busy { patient: true, .. } => Ok(Err(Rejection::PatientBusy)),
        Busy { .. } => Err(Failure::Contended(Contention::ChangedMeanwhile)),
    }
}

/// The visit as it was before its last change of status, or why it can't be that again.
fn decide(
    order: &Order<'_, SeenAppointment>,
    current: Option<&AppointmentState>,
    history: &[StatusChange],
) -> Result<AppointmentState, Rejection> {
    let actor = order.metadata.actor;
    let current = as_seen(actor, current, order.command.version)?;
    if !matches!(actor.role, Role::Doctor | Role::Admin) {
        return Err(Rejection::NotAllowed);
    }
    let status = status_before(history).ok_or(Rejection::NothingToUndo)?;
    Ok(AppointmentState {
        version: current.version + 1,
        status,
        cancelation_reason: None,
        ..current.clone()
    })
}

#[cfg(test)]
mod tests {
    use domain::{AppointmentStatus, CancelationReason};

    use super::*;
    use crate::cancel::cancelled;
    use crate::order::tests::metadata_of;
    use crate::rules::tests::{actor, booked};

    #[test]
    fn staff_take_back_and_patients_do_not() {
        let visit = cancelled(&booked(), CancelationReason::Other);
        let history = [AppointmentStatus::Booked, AppointmentStatus::Cancelled]
            .map(|status| StatusChange { status, is_undo: false });
        let undo = |who, history: &[StatusChange]| {
            let metadata = metadata_of(who);
            let command = SeenAppointment { appointment_id: visit.id, version: 2 };
            let order = Order { index: 0, metadata: &metadata, command: &command };
            decide(&order, Some(&visit), history)
        };
        let again = undo(actor(1, Role::Doctor), &history).unwrap();
        assert_eq!(again, AppointmentState { version: 3, ..booked() });
        assert_eq!(undo(actor(2, Role::Patient), &history), Err(Rejection::NotAllowed));
        let first = undo(actor(9, Role::Admin), &history[..1]);
        assert_eq!(first, Err(Rejection::NothingToUndo));
    }
}
