//! The words of FHIR R4 `Appointment`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {$(
            $(#[$case_doc])*
            #[serde(rename = $code)]
            $case,
        )*}

        impl $name {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The FHIR code.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$case => $code,)*}
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
            }
        }
    };
}

/// The text is no code of that value set.
#[derive(Debug, thiserror::Error)]
#[error("unknown code")]
pub struct UnknownCode;

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
