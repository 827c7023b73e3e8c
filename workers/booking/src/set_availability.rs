//! `booking.set-availability`: replaces a practitioner's weekly hours. Visits that were booked
//! before stay as they are; the outcome names those that don't fit any more.

use std::collections::BTreeMap;

use contracts::{Applied, Conflicts, Outcome, Rejection, SetAvailability};
use domain::{Actor, Availability, HealthcareServiceId, LocationId, PractitionerId, Role, UserId};
use jiff::Timestamp;
use store::booking::{Failure, Transaction, appointments, availability};

use crate::facts::{Facts, first_date};
use crate::order::{Order, Outcomes};

/// Settles changes of hours as if they came one after the other: the last of a practitioner's
/// stays.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SetAvailability>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut accepted = Vec::with_capacity(orders.len());
    for order in orders {
        match week(order, facts) {
            Ok(week) => accepted.push((order.index, order.command.practitioner_id, week)),
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if accepted.is_empty() {
        return Ok(());
    }
    let ids: Vec<PractitionerId> = accepted.iter().map(|(_, id, _)| *id).collect();
    let visits = appointments::upcoming(transaction, &ids, now).await?;
    let mut dates = availability::exceptions(transaction, &ids, first_date(now)).await?;

    let mut weeks = BTreeMap::new();
    for (index, practitioner_id, week) in accepted {
        let dates = dates.entry(practitioner_id).or_default().clone();
        let week = week.with_exceptions(dates);
        // Without a week there are no dates that differ from it.
        let hours = Some(&week).filter(|week| !week.hours().is_empty());
        let conflicts = match visits.get(&practitioner_id) {
            Some(visits) => Conflicts::of(visits, hours),
            None => Conflicts::default(),
        };
        weeks.insert(practitioner_id, week);
        let result = Applied::Availability { practitioner_id, conflicts };
        outcomes.set(index, Outcome::Applied { result });
    }
    let weeks: Vec<_> = weeks.iter().map(|(practitioner, week)| (*practitioner, week)).collect();
    availability::replace(transaction, &weeks).await
}

fn week(order: &Order<'_, SetAvailability>, facts: &Facts) -> Result<Availability, Rejection> {
    let SetAvailability { practitioner_id, hours, .. } = order.command;
    may_set_hours(order.metadata.actor, *practitioner_id, facts)?;
    for hours in hours {
        exist(hours.location_id, &hours.service_ids, facts)?;
    }
    order.command.availability().map_err(|_| Rejection::InvalidAvailability)
}

/// Whether there is such a practitioner whose hours the actor may change.
pub(crate) fn may_set_hours(
    actor: Actor,
    practitioner: PractitionerId,
    facts: &Facts,
) -> Result<(), Rejection> {
    let may = match actor.role {
        Role::Admin => true,
        Role::Doctor => actor.id == UserId::from(practitioner),
        Role::Patient | Role::Operator => false,
    };
    if !may {
        return Err(Rejection::NotAllowed);
    }
    let is_known = facts.practitioners.contains_key(&practitioner);
    is_known.then_some(()).ok_or(Rejection::UnknownPractitioner)
}

/// Whether there are such a place and such visit types. They need not be active: that may come and
/// go without touching anybody's hours.
pub(crate) fn exist(
    location: Option<LocationId>,
    services: &[HealthcareServiceId],
    facts: &Facts,
) -> Result<(), Rejection> {
    if !location.is_none_or(|id| facts.locations.contains_key(&id)) {
        return Err(Rejection::UnknownLocation);
    }
    let exist = services.iter().all(|id| facts.services.contains_key(id));
    exist.then_some(()).ok_or(Rejection::UnknownService)
}
