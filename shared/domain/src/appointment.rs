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
        matches!(self, Self::Proposed | Self::Pending | Self::Booked | Self::Waitlist)
    }
}

coded! {
    /// FHIR R4 `Appointment.cancelationReason`, its top-level codes.
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
}
