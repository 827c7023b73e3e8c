//! Changes of status that take nobody's time: one statement for all of a kind.

use std::collections::HashMap;

use contracts::{Applied, AppointmentState, Rejection};
use domain::AppointmentId;
use store::booking::{Contention, Failure, Transaction, appointments};

use crate::order::{Order, Outcomes};

/// Settles orders as if they came one after the other: `decide` says what a visit, if it exists, is
/// afterwards. `appointments` are the visits as they stand, and how they stand afterwards.
///
/// Of one visit at most one order may succeed; whoever cuts batches sees to that.
pub(crate) async fn settle<C>(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, C>],
    visit_of: impl Fn(&C) -> AppointmentId,
    decide: impl Fn(&Order<'_, C>, Option<&AppointmentState>) -> Result<AppointmentState, Rejection>,
    appointments: &mut HashMap<AppointmentId, AppointmentState>,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut changed = Vec::with_capacity(orders.len());
    for order in orders {
        match decide(order, appointments.get(&visit_of(order.command))) {
            Ok(state) => {
                changed.push(state.id);
                outcomes.apply(order.index, Applied::Appointment(state.clone()));
                appointments.insert(state.id, state);
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    let changed: Vec<&AppointmentState> = changed.iter().map(|id| &appointments[id]).collect();
    write(transaction, &changed).await
}

/// Writes what these visits are now. Whoever has changed one meanwhile costs another run.
pub(crate) async fn write(
    transaction: &Transaction<'_>,
    changed: &[&AppointmentState],
) -> Result<(), Failure> {
    if changed.is_empty() {
        return Ok(());
    }
    let count = appointments::change_status(transaction, changed).await?;
    if count == changed.len() as u64 {
        Ok(())
    } else {
        Err(Failure::Contended(Contention::ChangedMeanwhile))
    }
}
