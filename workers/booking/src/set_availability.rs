//! `booking.set-availability`: replaces a practitioner's weekly hours. Visits that were booked
//! before stay as they are.

use std::collections::BTreeMap;

use contracts::{Applied, Outcome, Rejection, SetAvailability};
use domain::{Actor, Availability, PractitionerId, Role, UserId};
use store::booking::{Failure, Transaction, availability};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// Settles changes of hours as if they came one after the other: the last of a practitioner's
/// stays.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SetAvailability>],
    facts: &Facts,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut weeks = BTreeMap::new();
    for order in orders {
        let practitioner_id = order.command.practitioner_id;
        match week(order, facts) {
            Ok(week) => {
                weeks.insert(practitioner_id, week);
                let result = Applied::Availability { practitioner_id };
                outcomes.set(order.index, Outcome::Applied { result });
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if weeks.is_empty() {
        return Ok(());
    }
    let weeks: Vec<_> = weeks.iter().map(|(practitioner, week)| (*practitioner, week)).collect();
    availability::replace(transaction, &weeks).await
}

fn week(order: &Order<'_, SetAvailability>, facts: &Facts) -> Result<Availability, Rejection> {
    let practitioner = order.command.practitioner_id;
    if !may_set_hours_of(order.metadata.actor, practitioner) {
        return Err(Rejection::NotAllowed);
    }
    if !facts.practitioners.contains_key(&practitioner) {
        return Err(Rejection::UnknownPractitioner);
    }
    order.command.availability().map_err(|_| Rejection::InvalidAvailability)
}

fn may_set_hours_of(actor: Actor, practitioner: PractitionerId) -> bool {
    match actor.role {
        Role::Admin => true,
        Role::Doctor => actor.id == UserId::from(practitioner),
        Role::Patient | Role::Operator => false,
    }
}
