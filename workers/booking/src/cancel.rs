//! `booking.cancel`: calls a visit off.

use contracts::{AppointmentState, CancelAppointment, Rejection};
use domain::{AppointmentStatus, CancelationReason};
use jiff::Timestamp;

use crate::Rules;
use crate::order::Order;
use crate::rules::as_seen;

/// The visit after its cancellation, or why it can't be cancelled.
pub(crate) fn decide(
    order: &Order<'_, CancelAppointment>,
    current: Option<&AppointmentState>,
    rules: &Rules,
    now: Timestamp,
) -> Result<AppointmentState, Rejection> {
    let CancelAppointment { version, reason, override_reason, .. } = order.command;
    let actor = order.metadata.actor;
    let current = as_seen(actor, current, *version)?;
    if !current.status.can_be_cancelled() {
        return Err(Rejection::NotCancellable);
    }
    if !reason.may_be_stated() {
        return Err(Rejection::NotAllowed);
    }
    // A hold was never agreed upon.
    if current.status != AppointmentStatus::Pending {
        rules.allow_late_change(actor, current, override_reason.as_ref(), now)?;
    }
    Ok(cancelled(current, *reason))
}

/// The visit once it is called off.
pub(crate) fn cancelled(visit: &AppointmentState, reason: CancelationReason) -> AppointmentState {
    AppointmentState {
        version: visit.version + 1,
        status: AppointmentStatus::Cancelled,
        cancelation_reason: Some(reason),
        expires_at: None,
        ..visit.clone()
    }
}

#[cfg(test)]
mod tests {
    use domain::Role;

    use super::*;
    use crate::order::tests::metadata_of;
    use crate::rules::tests::{actor, booked};

    #[test]
    fn holds_have_no_cut_off_and_reasons_of_our_own_are_nobodys() {
        let metadata = metadata_of(actor(2, Role::Patient));
        let command = |reason| CancelAppointment {
            appointment_id: booked().id,
            version: 1,
            reason,
            override_reason: None,
        };
        let decide = |reason, visit: &AppointmentState| {
            let order = Order { index: 0, metadata: &metadata, command: &command(reason) };
            decide(&order, Some(visit), &Rules::default(), visit.start)
        };
        let late = decide(CancelationReason::PatientTransport, &booked());
        assert_eq!(late, Err(Rejection::PastCutOff));
        let expires_at = Some(booked().start);
        let held = AppointmentState { status: AppointmentStatus::Pending, expires_at, ..booked() };
        let cancelled = decide(CancelationReason::Patient, &held).unwrap();
        assert_eq!((cancelled.version, cancelled.expires_at), (2, None));
        let ours = decide(CancelationReason::HoldExpired, &held);
        assert_eq!(ours, Err(Rejection::NotAllowed));
    }
}
