//! Opaque identifiers. Each is a UUID with a meaning, so that one can't be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! opaque_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by time (UUID version 7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID inside, for the places that store or transmit it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

opaque_ids! {
    /// A person who can sign in.
    UserId
    /// A person who is treated. The same UUID as the person's [`UserId`].
    PatientId
    /// A person who treats. The same UUID as the person's [`UserId`].
    PractitionerId
    /// A visit. Revealed only once the visit is settled in the database.
    AppointmentId
    /// One accepted request: the key of the inbox, of the ledger and of `/v1/requests/{id}`.
    RequestId
    /// What joins response, log, message, span, database log and audit of one request.
    CorrelationId
    /// A sign-in and all the refresh tokens that descend from it.
    SessionId
    /// A record of who saw or did what.
    AuditEntryId
    /// A fact that was published; consumers deduplicate by it.
    EventId
    /// Who insures a patient, and how the insurer knows them.
    CoverageId
    /// A question to an insurer: whether a coverage holds, for a visit or in general.
    EligibilityCheckId
    /// A message that no worker could settle, however often it is replayed and dies again.
    DeadLetterId
    /// Visits that were booked as one recurring series.
    SeriesId
    /// What a doctor wrote down of a visit, in all its versions.
    NoteId
    /// That a doctor cares for a patient.
    CareRelationId
    /// A visit type: how long, what room around it, how far ahead.
    HealthcareServiceId
    /// Where patients come.
    LocationId
    /// A doctor's look at the chart of a patient who isn't theirs.
    EmergencyAccessId
}

impl From<UserId> for PatientId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<UserId> for PractitionerId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<PatientId> for UserId {
    fn from(id: PatientId) -> Self {
        Self(id.0)
    }
}

impl From<PractitionerId> for UserId {
    fn from(id: PractitionerId) -> Self {
        Self(id.0)
    }
}
