//! `booking.reschedule`: moves a visit to another time in one step.

use std::collections::HashMap;

use contracts::{
    Applied, AppointmentState, BookAppointment, PreviousTime, Rejection, RescheduleAppointment,
};
use domain::{AppointmentStatus, Role, Slot};
use jiff::Timestamp;
use store::booking::appointments::{self, Busy};
use store::booking::{Contention, Failure, Transaction};

use crate::Rules;
use crate::book::offered;
use crate::facts::Facts;
use crate::order::{Order, Outcomes};
use crate::rules::as_seen;

/// Settles one after the other: each either wins its new time or keeps the old one. Gives, by
/// index, when those that were moved would have been.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, RescheduleAppointment>],
    facts: &mut Facts,
    rules: &Rules,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<HashMap<usize, PreviousTime>, Failure> {
    let mut previous = HashMap::new();
    for order in orders {
        let moved = match decide(order, facts, rules, now) {
            Ok((state, occupied)) => write(transaction, state, occupied).await?,
            Err(reason) => Err(reason),
        };
        match moved {
            Ok(state) => {
                outcomes.apply(order.index, Applied::Appointment(state.clone()));
                if let Some(before) = facts.appointments.insert(state.id, state) {
                    let AppointmentState { practitioner_id, start, end, .. } = before;
                    previous.insert(order.index, PreviousTime { practitioner_id, start, end });
                }
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    Ok(previous)
}

async fn write(
    transaction: &Transaction<'_>,
    state: AppointmentState,
    occupied: Slot,
) -> Result<Result<AppointmentState, Rejection>, Failure> {
    if appointments::reschedule(transaction, &state, occupied).await? {
        return Ok(Ok(state));
    }
    match appointments::busy_beside(transaction, &state, Some(occupied)).await? {
        Busy { practitioner: true, .. } => Ok(Err(Rejection::SlotTaken)),
        Busy { patient: true, .. } => Ok(Err(Rejection::PatientBusy)),
        Busy { .. } => Err(Failure::Contended(Contention::ChangedMeanwhile)),
    }
}

/// The visit at its new time and what it occupies there, or why it stays where it is whoever else
/// has a visit then.
fn decide(
    order: &Order<'_, RescheduleAppointment>,
    facts: &Facts,
    rules: &Rules,
    now: Timestamp,
) -> Result<(AppointmentState, Slot), Rejection> {
    let RescheduleAppointment { appointment_id, version, start, practitioner_id, override_reason } =
        order.command;
    let actor = order.metadata.actor;
    let current = as_seen(actor, facts.appointments.get(appointment_id), *version)?;
    if current.status != AppointmentStatus::Booked {
        return Err(Rejection::StatusConflict);
    }
    let practitioner_id = practitioner_id.unwrap_or(current.practitioner_id);
    let is_same = practitioner_id == current.practitioner_id;
    if actor.role == Role::Doctor && !is_same {
        return Err(Rejection::NotAllowed);
    }
    rules.allow_late_change(actor, current, override_reason.as_ref(), now)?;
    let wanted = BookAppointment {
        practitioner_id,
        patient_id: current.patient_id,
        start: start.clone(),
        service_id: current.service_id,
        // Another practitioner sees patients elsewhere.
        location_id: current.location_id.filter(|_| is_same),
    };
    let visit = offered(&wanted, order.metadata.request_id, facts, now)?;
    let state = AppointmentState {
        version: version + 1,
        practitioner_id,
        start: visit.slot.start,
        end: visit.slot.end,
        location_id: visit.location_id,
        ..current.clone()
    };
    Ok((state, visit.occupied))
}
