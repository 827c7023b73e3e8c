//! `booking.set-status`: says how far a visit has come.

use contracts::{AppointmentState, Rejection, SetAppointmentStatus};
use domain::{Actor, AppointmentStatus, Role};
use jiff::Timestamp;

use crate::order::Order;
use crate::rules::as_seen;

/// The visit once it has come there, or why it hasn't.
pub(crate) fn decide(
    order: &Order<'_, SetAppointmentStatus>,
    current: Option<&AppointmentState>,
    now: Timestamp,
) -> Result<AppointmentState, Rejection> {
    let SetAppointmentStatus { version, status, .. } = *order.command;
    let actor = order.metadata.actor;
    let current = as_seen(actor, current, version)?;
    if !may_say(actor, status) {
        return Err(Rejection::NotAllowed);
    }
    if !current.status.may_become(status) {
        return Err(Rejection::StatusConflict);
    }
    let needs_a_beginning =
        matches!(status, AppointmentStatus::Fulfilled | AppointmentStatus::NoShow);
    if needs_a_beginning && now < current.start {
        return Err(Rejection::NotBegun);
    }
    Ok(AppointmentState { version: version + 1, status, ..current.clone() })
}

/// Patients check in; who treats them, and the front desk, say all of it. Booking and calling off
/// have commands of their own.
fn may_say(actor: Actor, status: AppointmentStatus) -> bool {
    use AppointmentStatus::{Arrived, CheckedIn, Fulfilled, NoShow};
    match actor.role {
        Role::Patient => status == CheckedIn,
        Role::Doctor | Role::Admin => matches!(status, Arrived | CheckedIn | Fulfilled | NoShow),
        Role::Operator => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::metadata_of;
    use crate::rules::tests::{actor, booked};
    use AppointmentStatus::{Arrived, Booked, Cancelled, CheckedIn, Fulfilled, NoShow};

    fn set(
        who: Actor,
        from: AppointmentStatus,
        to: AppointmentStatus,
        now: &str,
    ) -> Result<AppointmentStatus, Rejection> {
        let metadata = metadata_of(who);
        let current = AppointmentState { status: from, ..booked() };
        let command = SetAppointmentStatus { appointment_id: current.id, version: 1, status: to };
        let order = Order { index: 0, metadata: &metadata, command: &command };
        decide(&order, Some(&current), now.parse().unwrap()).map(|state| {
            assert_eq!(state.version, 2);
            state.status
        })
    }

    const BEFORE: &str = "2027-03-01T11:59:59Z";
    const BEGUN: &str = "2027-03-01T12:00:00Z";

    #[test]
    fn a_visit_goes_on_as_its_doctor_says() {
        let doctor = actor(1, Role::Doctor);
        assert_eq!(set(doctor, Booked, Arrived, BEFORE), Ok(Arrived));
        assert_eq!(set(doctor, Arrived, CheckedIn, BEFORE), Ok(CheckedIn));
        assert_eq!(set(doctor, CheckedIn, Fulfilled, BEFORE), Err(Rejection::NotBegun));
        assert_eq!(set(doctor, CheckedIn, Fulfilled, BEGUN), Ok(Fulfilled));
        assert_eq!(set(doctor, Booked, NoShow, BEFORE), Err(Rejection::NotBegun));
        assert_eq!(set(doctor, Booked, NoShow, BEGUN), Ok(NoShow));
        assert_eq!(set(doctor, Booked, Fulfilled, BEGUN), Err(Rejection::StatusConflict));
        assert_eq!(set(doctor, Booked, Cancelled, BEGUN), Err(Rejection::NotAllowed));
    }

    #[test]
    fn patients_check_in_and_say_nothing_else() {
        let patient = actor(2, Role::Patient);
        assert_eq!(set(patient, Booked, CheckedIn, BEFORE), Ok(CheckedIn));
        for status in [Arrived, Fulfilled, NoShow] {
            assert_eq!(set(patient, Booked, status, BEGUN), Err(Rejection::NotAllowed));
        }
        let stranger = actor(8, Role::Patient);
        assert_eq!(set(stranger, Booked, CheckedIn, BEFORE), Err(Rejection::UnknownAppointment));
    }
}
