//! The words of FHIR R4 `Appointment`.

use crate::coded::coded;

coded! {
    /// FHIR R4 `Appointment.status`.
    AppointmentStatus {
        /// Suggested, not agreed.
        Proposed = "proposed",
        /// Held, not confirmed.
        Pending = "pending",
        /// Agreed: the time is taken.
        Booked = "booked",
        /// The patient is in the house.
        Arrived = "arrived",
        /// The front desk has everything it needs.
        CheckedIn = "checked-in",
        /// The visit took place.
        Fulfilled = "fulfilled",
        /// Called off: the time is free again.
        Cancelled = "cancelled",
        /// The patient didn't come.
        NoShow = "noshow",
        /// Waits for a time.
        Waitlist = "waitlist",
        /// Should never have been.
        EnteredInError = "entered-in-error",
    }
}

impl AppointmentStatus {
    /// Whether a visit in this status can still be called off.
    pub const fn can_be_cancelled(self) -> bool {
        self.may_become(Self::Cancelled)
    }

    /// Whether a visit in this status takes its time from others.
    pub const fn takes_time(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Booked | Self::Arrived | Self::CheckedIn | Self::Fulfilled
        )
    }

    /// Whether a visit goes on from this status to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Proposed | Self::Pending => matches!(next, Self::Booked | Self::Cancelled),
            Self::Waitlist => matches!(next, Self::Cancelled),
            Self::Booked => {
                matches!(next, Self::Arrived | Self::CheckedIn | Self::Cancelled | Self::NoShow)
            }
            Self::Arrived => matches!(next, Self::CheckedIn | Self::Cancelled),
            Self::CheckedIn => matches!(next, Self::Fulfilled | Self::Cancelled),
            Self::Fulfilled | Self::Cancelled | Self::NoShow | Self::EnteredInError => false,
        }
    }
}

coded! {
    /// FHIR R4 `Appointment.cancelationReason`; the last two are ours, for holds.
    CancelationReason {
        /// The patient called it off.
        Patient = "pat",
        /// The practitioner or the clinic called it off.
        Provider = "prov",
        /// Equipment or rooms.
        Maintenance = "maint",
        /// Something needed for the visit is missing.
        MedsIncomplete = "meds-inc",
        /// Anything else.
        Other = "other",
        /// The patient, through the portal.
        PatientPortal = "pat-cpp",
        /// The patient, when reminded.
        PatientReminded = "pat-crs",
        /// The patient feels better.
        PatientFeelsBetter = "pat-fb",
        /// The patient has no way to come.
        PatientTransport = "pat-lt",
        /// The patient moved.
        PatientMoved = "pat-mv",
        /// The patient got an earlier time from the waiting list.
        PatientFromWaitList = "pat-swl",
        /// The patient was unhappy, or goes to somebody else.
        PatientChangedProvider = "pat-ucp",
        /// The practitioner, for personal reasons.
        ProviderPersonal = "prov-pers",
        /// The practitioner is at a meeting or a training.
        ProviderEducation = "prov-edu",
        /// The practitioner is in hospital.
        ProviderHospitalized = "prov-hosp",
        /// The weather.
        Weather = "oth-weath",
        /// The room or what is in it.
        Room = "oth-room",
        /// Money.
        Financial = "oth-fin",
        /// A mistake.
        Error = "oth-err",
        /// A hold's time ran out.
        HoldExpired = "hold-expired",
        /// A hold was given back.
        HoldReleased = "hold-released",
    }
}

impl CancelationReason {
    /// Whether people may give it: what becomes of holds is not for them to say.
    pub const fn may_be_stated(self) -> bool {
        !matches!(self, Self::HoldExpired | Self::HoldReleased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for status in AppointmentStatus::ALL {
            assert_eq!(status.as_str().parse::<AppointmentStatus>().unwrap(), *status);
        }
        assert!("BOOKED".parse::<AppointmentStatus>().is_err());
    }

    #[test]
    fn a_visit_goes_its_way_and_no_other() {
        use AppointmentStatus::{
            Arrived, Booked, Cancelled, CheckedIn, Fulfilled, NoShow, Pending,
        };
        let ways = [
            (Pending, Booked),
            (Pending, Cancelled),
            (Booked, Arrived),
            (Booked, CheckedIn),
            (Booked, Cancelled),
            (Booked, NoShow),
            (Arrived, CheckedIn),
            (Arrived, Cancelled),
            (CheckedIn, Fulfilled),
            (CheckedIn, Cancelled),
        ];
        let known = [Pending, Booked, Arrived, CheckedIn, Fulfilled, Cancelled, NoShow];
        for from in known {
            for to in known {
                assert_eq!(from.may_become(to), ways.contains(&(from, to)), "{from} to {to}");
            }
        }
    }
}
