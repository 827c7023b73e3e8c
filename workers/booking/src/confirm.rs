//! `booking.confirm`: makes a visit of a hold; `booking.release`: gives one back.

use contracts::{AppointmentState, Rejection, SeenAppointment};
use domain::{AppointmentStatus, CancelationReason, Role};
use jiff::Timestamp;

use crate::cancel::cancelled;
use crate::order::Order;
use crate::rules::{as_seen, is_theirs};

/// The visit that a hold becomes, or why it becomes none.
pub(crate) fn confirmed(
    order: &Order<'_, SeenAppointment>,
    current: Option<&AppointmentState>,
    now: Timestamp,
) -> Result<AppointmentState, Rejection> {
    let hold = hold(order, current, now)?;
    if hold.start < now {
        return Err(Rejection::StartInPast);
    }
    Ok(AppointmentState {
        version: hold.version + 1,
        status: AppointmentStatus::Booked,
        expires_at: None,
        ..hold.clone()
    })
}

/// The hold once it is given back, or why it can't be.
pub(crate) fn released(
    order: &Order<'_, SeenAppointment>,
    current: Option<&AppointmentState>,
    now: Timestamp,
) -> Result<AppointmentState, Rejection> {
    hold(order, current, now).map(|hold| cancelled(hold, CancelationReason::HoldReleased))
}

/// The hold that is meant, if it still is one.
fn hold<'a>(
    order: &Order<'_, SeenAppointment>,
    current: Option<&'a AppointmentState>,
    now: Timestamp,
) -> Result<&'a AppointmentState, Rejection> {
    let actor = order.metadata.actor;
    if !matches!(actor.role, Role::Patient | Role::Admin) {
        return Err(Rejection::NotAllowed);
    }
    // Whether somebody has cleared it up or not, what is told of an expired hold is the same.
    let has_expired = |visit: &AppointmentState| {
        visit.cancelation_reason == Some(CancelationReason::HoldExpired)
            || visit.expires_at.is_some_and(|end| end <= now)
    };
    if current.is_some_and(|visit| is_theirs(actor, visit) && has_expired(visit)) {
        return Err(Rejection::HoldExpired);
    }
    let visit = as_seen(actor, current, order.command.version)?;
    if visit.status == AppointmentStatus::Pending {
        Ok(visit)
    } else {
        Err(Rejection::StatusConflict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::metadata_of;
    use crate::rules::tests::{actor, booked};

    fn held() -> AppointmentState {
        let status = AppointmentStatus::Pending;
        AppointmentState { status, expires_at: Some(at(300)), ..booked() }
    }

    /// So many seconds after a moment long before the visit.
    fn at(seconds: i64) -> Timestamp {
        "2027-02-01T00:00:00Z".parse::<Timestamp>().unwrap()
            + jiff::SignedDuration::from_secs(seconds)
    }

    fn confirm(
        role: Role,
        visit: &AppointmentState,
        now: Timestamp,
    ) -> Result<AppointmentState, Rejection> {
        let metadata = metadata_of(actor(2, role));
        let command = SeenAppointment { appointment_id: visit.id, version: 1 };
        let order = Order { index: 0, metadata: &metadata, command: &command };
        let (confirmed, released) =
            (confirmed(&order, Some(visit), now), released(&order, Some(visit), now));
        assert_eq!(confirmed.as_ref().err(), released.as_ref().err());
        confirmed
    }

    #[test]
    fn a_hold_becomes_a_visit_until_it_expires() {
        let visit = confirm(Role::Patient, &held(), at(299)).unwrap();
        assert_eq!((visit.status, visit.version), (AppointmentStatus::Booked, 2));
        assert_eq!(visit.expires_at, None);
        assert_eq!(confirm(Role::Patient, &held(), at(300)), Err(Rejection::HoldExpired));
        let cleared = cancelled(&held(), CancelationReason::HoldExpired);
        assert_eq!(confirm(Role::Patient, &cleared, at(301)), Err(Rejection::HoldExpired));
    }

    #[test]
    fn what_is_no_hold_is_not_confirmed_and_doctors_confirm_nothing() {
        assert_eq!(confirm(Role::Patient, &booked(), at(0)), Err(Rejection::StatusConflict));
        assert_eq!(confirm(Role::Doctor, &held(), at(0)), Err(Rejection::NotAllowed));
        let later = AppointmentState { version: 2, ..held() };
        assert_eq!(confirm(Role::Patient, &later, at(0)), Err(Rejection::VersionMismatch));
    }
}
