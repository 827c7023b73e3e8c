//! What the clinic allows, and until when.

use contracts::audit::StatedReason;
use contracts::{AppointmentState, Rejection};
use domain::{Actor, Role, UserId};
use jiff::{SignedDuration, Timestamp};
use runtime::settings::{BookingSettings, SchedulingSettings};

/// What the clinic allows.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a hold lasts.
    pub hold: SignedDuration,
    /// How many times a patient may hold at once.
    pub holds_per_patient: u32,
    /// How long before it begins a visit can be called off or moved at the latest.
    pub cut_off: SignedDuration,
    /// How far ahead a standard visit can be booked.
    pub standard_horizon_days: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self::from(&BookingSettings::default())
    }
}

impl From<&BookingSettings> for Rules {
    fn from(settings: &BookingSettings) -> Self {
        Self {
            hold: SignedDuration::from_secs(i64::from(settings.hold_s)),
            holds_per_patient: settings.holds_per_patient,
            cut_off: SignedDuration::from_mins(i64::from(settings.cut_off_minutes)),
            standard_horizon_days: SchedulingSettings::default().standard_horizon_days,
        }
    }
}

impl Rules {
    /// Whether it isn't too late to call a visit off or to move it. Doctors may at any time;
    /// administrators as well, if they say why.
    pub fn allow_late_change(
        &self,
        actor: Actor,
        visit: &AppointmentState,
        override_reason: Option<&StatedReason>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        if override_reason.is_some() && actor.role != Role::Admin {
            return Err(Rejection::NotAllowed);
        }
        let is_bound = actor.role != Role::Doctor && override_reason.is_none();
        if is_bound && now.duration_until(visit.start) < self.cut_off {
            return Err(Rejection::PastCutOff);
        }
        Ok(())
    }
}

/// Whether the visit is the actor's: to see, to call off, to move.
pub(crate) fn is_theirs(actor: Actor, visit: &AppointmentState) -> bool {
    match actor.role {
        Role::Admin => true,
        Role::Patient => actor.id == UserId::from(visit.patient_id),
        Role::Doctor => actor.id == UserId::from(visit.practitioner_id),
        Role::Operator => false,
    }
}

/// The visit as the actor saw it, or why it isn't that any more.
pub(crate) fn as_seen(
    actor: Actor,
    visit: Option<&AppointmentState>,
    version: i32,
) -> Result<&AppointmentState, Rejection> {
    let visit =
        visit.filter(|visit| is_theirs(actor, visit)).ok_or(Rejection::UnknownAppointment)?;
    if visit.version == version { Ok(visit) } else { Err(Rejection::VersionMismatch) }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::{AppointmentStatus, UserId};
    use uuid::Uuid;

    use super::*;

    /// A booked visit of patient 2 with practitioner 1, on a Monday at noon.
    pub(crate) fn booked() -> AppointmentState {
        AppointmentState {
            id: Uuid::from_u128(3).into(),
            version: 1,
            status: AppointmentStatus::Booked,
            practitioner_id: Uuid::from_u128(1).into(),
            patient_id: Uuid::from_u128(2).into(),
            start: "2027-03-01T12:00:00Z".parse().unwrap(),
            end: "2027-03-01T12:30:00Z".parse().unwrap(),
            cancelation_reason: None,
            service_id: None,
            location_id: None,
            expires_at: None,
            series_id: None,
        }
    }

    /// Somebody with that number.
    pub(crate) fn actor(number: u128, role: Role) -> Actor {
        Actor { id: UserId::from(Uuid::from_u128(number)), role }
    }

    #[test]
    fn a_day_before_is_the_last_time_for_patients() {
        let rules = Rules::default();
        let reason: StatedReason = "the doctor is ill".to_owned().try_into().unwrap();
        let allow = |actor, reason: Option<&StatedReason>, now: &str| {
            rules.allow_late_change(actor, &booked(), reason, now.parse().unwrap())
        };
        let [in_time, late] = ["2027-02-28T12:00:00Z", "2027-02-28T12:00:01Z"];
        let [patient, doctor, admin] = [(2, Role::Patient), (1, Role::Doctor), (9, Role::Admin)]
            .map(|(id, role)| actor(id, role));
        for anybody in [patient, doctor, admin] {
            assert_eq!(allow(anybody, None, in_time), Ok(()));
        }
        assert_eq!(allow(patient, None, late), Err(Rejection::PastCutOff));
        assert_eq!(allow(admin, None, late), Err(Rejection::PastCutOff));
        assert_eq!(allow(doctor, None, late), Ok(()));
        assert_eq!(allow(admin, Some(&reason), late), Ok(()));
        assert_eq!(allow(patient, Some(&reason), late), Err(Rejection::NotAllowed));
    }

    #[test]
    fn a_visit_is_known_to_its_people_in_its_version() {
        let visit = booked();
        for (who, known) in [
            (actor(2, Role::Patient), true),
            (actor(1, Role::Doctor), true),
            (actor(9, Role::Admin), true),
            (actor(1, Role::Patient), false),
            (actor(2, Role::Doctor), false),
            (actor(9, Role::Operator), false),
        ] {
            assert_eq!(as_seen(who, Some(&visit), 1).is_ok(), known, "{who}");
        }
        let admin = actor(9, Role::Admin);
        assert_eq!(as_seen(admin, Some(&visit), 2), Err(Rejection::VersionMismatch));
        assert_eq!(as_seen(admin, None, 1), Err(Rejection::UnknownAppointment));
    }
}
