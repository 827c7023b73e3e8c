//! `booking.cancel-series`: calls off what is left of a series.

use contracts::{Applied, AppointmentState, CancelSeries, Rejection, SeriesState};
use domain::AppointmentStatus;
use jiff::Timestamp;
use store::booking::{Failure, Transaction};

use crate::Rules;
use crate::cancel::cancelled;
use crate::facts::Facts;
use crate::order::{Order, Outcomes};
use crate::rules::is_theirs;
use crate::transitions;

/// Settles one series after the other; whoever cuts batches sees to it that each is there once.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, CancelSeries>],
    facts: &Facts,
    rules: &Rules,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    for order in orders {
        let visits = facts.series.get(&order.command.series_id);
        match decide(order, visits.map(Vec::as_slice).unwrap_or_default(), rules, now) {
            Ok(appointments) => {
                let changed: Vec<&AppointmentState> = appointments.iter().collect();
                transitions::write(transaction, &changed).await?;
                let id = order.command.series_id;
                outcomes.apply(order.index, Applied::Series(SeriesState { id, appointments }));
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    Ok(())
}

/// Those visits that are called off, afterwards; those that are over, or for which it is too late,
/// stay.
fn decide(
    order: &Order<'_, CancelSeries>,
    visits: &[AppointmentState],
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<AppointmentState>, Rejection> {
    let CancelSeries { reason, override_reason, .. } = order.command;
    let actor = order.metadata.actor;
    let theirs: Vec<_> = visits.iter().filter(|visit| is_theirs(actor, visit)).collect();
    if theirs.is_empty() {
        return Err(Rejection::UnknownSeries);
    }
    if !reason.may_be_stated() {
        return Err(Rejection::NotAllowed);
    }
    let is_left =
        |visit: &&AppointmentState| visit.status == AppointmentStatus::Booked && visit.start > now;
    let mut called_off = Vec::new();
    let mut kept = None;
    for visit in theirs.into_iter().filter(is_left) {
        match rules.allow_late_change(actor, visit, override_reason.as_ref(), now) {
            Ok(()) => called_off.push(cancelled(visit, *reason)),
            Err(reason) => kept = Some(reason),
        }
    }
    match (called_off.is_empty(), kept) {
        (false, _) => Ok(called_off),
        (true, Some(reason)) => Err(reason),
        (true, None) => Err(Rejection::NotCancellable),
    }
}

#[cfg(test)]
mod tests {
    use domain::{CancelationReason, Role, SeriesId};
    use jiff::SignedDuration;

    use super::*;
    use crate::order::tests::metadata_of;
    use crate::rules::tests::{actor, booked};

    #[test]
    fn what_is_over_or_too_near_stays() {
        let day = SignedDuration::from_hours(24);
        let now = booked().start;
        let at = |days: i32| AppointmentState { start: now + day * days, ..booked() };
        let series = [at(-7), at(0), at(7), at(14)];
        let command = CancelSeries {
            series_id: SeriesId::generate(),
            reason: CancelationReason::Patient,
            override_reason: None,
        };
        let cancel = |who, series: &[AppointmentState], now| {
            let metadata = metadata_of(who);
            let order = Order { index: 0, metadata: &metadata, command: &command };
            let called_off = decide(&order, series, &Rules::default(), now)?;
            assert!(called_off.iter().all(|it| it.status == AppointmentStatus::Cancelled));
            Ok::<_, Rejection>(called_off.len())
        };
        let patient = actor(2, Role::Patient);
        assert_eq!(cancel(patient, &series, now), Ok(2));
        assert_eq!(cancel(patient, &series, now + day * 7 - day / 2), Ok(1));
        assert_eq!(cancel(patient, &series, now + day * 14 - day / 2), Err(Rejection::PastCutOff));
        assert_eq!(cancel(actor(1, Role::Doctor), &series, now + day * 14 - day / 2), Ok(1));
        assert_eq!(cancel(patient, &series, now + day * 15), Err(Rejection::NotCancellable));
        assert_eq!(cancel(actor(8, Role::Patient), &series, now), Err(Rejection::UnknownSeries));
    }
}
