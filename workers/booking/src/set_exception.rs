//! `booking.set-exception`: says in what one date differs from its day of the week. Visits that
//! were booked before stay as they are; the outcome names those that don't fit any more.

use contracts::{Applied, Conflicts, Outcome, Rejection, SetException, UpcomingVisit};
use domain::{Availability, Exceptions, PractitionerId};
use jiff::Timestamp;
use store::booking::{Failure, Transaction, appointments, availability};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};
use crate::set_availability::{exist, may_set_hours};

/// Settles changes of dates, of each practitioner one at most.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SetException>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut accepted = Vec::with_capacity(orders.len());
    for order in orders {
        match exceptions(order, facts) {
            Ok((week, exceptions)) => accepted.push((order, week, exceptions)),
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if accepted.is_empty() {
        return Ok(());
    }
    let ids: Vec<PractitionerId> =
        accepted.iter().map(|(order, ..)| order.command.practitioner_id).collect();
    let visits = appointments::upcoming(transaction, &ids, now).await?;
    for (order, week, exceptions) in &accepted {
        let SetException { practitioner_id, date, .. } = *order.command;
        let hours = Availability::clone(week).with_exceptions_on(date, exceptions.clone());
        let visits = visits.get(&practitioner_id).map_or(&[][..], Vec::as_slice);
        let of_date = visits.iter().filter(|visit| hours.is_on(visit.booked.slot, date));
        let visits: Vec<UpcomingVisit> = of_date.copied().collect();
        let conflicts = Conflicts::of(&visits, Some(&hours));
        let result = Applied::Exception { practitioner_id, date, conflicts };
        outcomes.set(order.index, Outcome::Applied { result });
    }
    let changed: Vec<_> = accepted
        .iter()
        .map(|(order, _, exceptions)| {
            (order.command.practitioner_id, order.command.date, exceptions.as_ref())
        })
        .collect();
    availability::replace_exceptions(transaction, &changed).await
}

type Known<'a> = (&'a Availability, Option<Exceptions>);

fn exceptions<'a>(
    order: &Order<'_, SetException>,
    facts: &'a Facts,
) -> Result<Known<'a>, Rejection> {
    let SetException { practitioner_id, entries, .. } = order.command;
    may_set_hours(order.metadata.actor, *practitioner_id, facts)?;
    for entry in entries {
        exist(entry.location_id, &entry.service_ids, facts)?;
    }
    let exceptions = order.command.exceptions().map_err(|_| Rejection::InvalidAvailability)?;
    // Its zone says when the date begins.
    let week = facts.hours.get(practitioner_id).ok_or(Rejection::InvalidAvailability)?;
    Ok((week, exceptions))
}
