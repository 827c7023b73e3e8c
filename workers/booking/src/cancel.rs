//! `booking.cancel`: calls a visit off.

use std::collections::HashMap;

use contracts::{Applied, AppointmentState, CancelAppointment, Outcome, Rejection};
use domain::{Actor, AppointmentId, AppointmentStatus, Role, UserId};
use store::booking::appointments::{self, Cancellation};
use store::booking::{Contention, Failure, Transaction};

use crate::order::{Order, Outcomes};

/// Settles cancellations as if they came one after the other. `appointments` are the visits as
/// they stand, and how they stand afterwards.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, CancelAppointment>],
    appointments: &mut HashMap<AppointmentId, AppointmentState>,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut cancellations = Vec::with_capacity(orders.len());
    for order in orders {
        let CancelAppointment { appointment_id: id, version, reason } = *order.command;
        match cancelled(order, appointments.get(&id)) {
            Ok(state) => {
                cancellations.push(Cancellation { id, version, reason });
                appointments.insert(id, state.clone());
                let result = Applied::Appointment(state);
                outcomes.set(order.index, Outcome::Applied { result });
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if cancellations.is_empty() {
        return Ok(());
    }
    let count = appointments::cancel(transaction, &cancellations).await?;
    if count == cancellations.len() as u64 {
        Ok(())
    } else {
        Err(Failure::Contended(Contention::ChangedMeanwhile))
    }
}

/// The visit after its cancellation, or why it can't be cancelled.
fn cancelled(
    order: &Order<'_, CancelAppointment>,
    current: Option<&AppointmentState>,
) -> Result<AppointmentState, Rejection> {
    let CancelAppointment { version, reason, .. } = *order.command;
    let current = current
        .filter(|visit| is_theirs(order.metadata.actor, visit))
        .ok_or(Rejection::UnknownAppointment)?;
    if current.version != version {
        return Err(Rejection::VersionMismatch);
    }
    if !current.status.can_be_cancelled() {
        return Err(Rejection::NotCancellable);
    }
    Ok(AppointmentState {
        version: version + 1,
        status: AppointmentStatus::Cancelled,
        cancelation_reason: Some(reason),
        ..current.clone()
    })
}

fn is_theirs(actor: Actor, visit: &AppointmentState) -> bool {
    match actor.role {
        Role::Admin => true,
        Role::Patient => actor.id == UserId::from(visit.patient_id),
        Role::Doctor => actor.id == UserId::from(visit.practitioner_id),
        Role::Operator => false,
    }
}
