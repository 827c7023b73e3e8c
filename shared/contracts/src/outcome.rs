//! How a request ended. Stored in the inbox, sent to whoever waits, shown by `/v1/requests/{id}`.

use domain::{
    AppointmentId, AppointmentStatus, Availability, BookedVisit, CancelationReason, CareRelationId,
    HealthcareServiceId, InvalidVisitRules, LocationId, Modality, NoteId, PatientId,
    PractitionerId, RequestId, SeriesId, VisitNumbers, VisitRules, VisitType,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The end of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Applied {
        /// What it did.
        result: Applied,
    },
    /// It could not be done; doing it again later may have another end.
    Rejected {
        /// Why.
        reason: Rejection,
    },
    /// The caller took it back before it was done.
    Withdrawn,
    /// It could not be done because of what is at these times; whose that is is not said.
    Blocked {
        /// Why.
        reason: Rejection,
        /// When.
        times: Vec<Timestamp>,
    },
}

impl Outcome {
    /// The word that the inbox and metrics use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Rejected { .. } | Self::Blocked { .. } => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What it did, when it did something.
    pub const fn result(&self) -> Option<&Applied> {
        match self {
            Self::Applied { result } => Some(result),
            Self::Rejected { .. } | Self::Blocked { .. } | Self::Withdrawn => None,
        }
    }

    /// The times that are in the way, where it is said which.
    pub fn blocked_times(&self) -> Option<&[Timestamp]> {
        match self {
            Self::Blocked { times, .. } => Some(times),
            Self::Applied { .. } | Self::Rejected { .. } | Self::Withdrawn => None,
        }
    }

    /// Why it could not be done, when it could not.
    pub const fn reason(&self) -> Option<Rejection> {
        match self {
            Self::Rejected { reason } | Self::Blocked { reason, .. } => Some(*reason),
            Self::Applied { .. } | Self::Withdrawn => None,
        }
    }
}

/// What a request did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// A visit was booked or changed; this is its state just after.
    Appointment(AppointmentState),
    /// A practitioner's hours were replaced.
    Availability {
        /// Whose.
        practitioner_id: PractitionerId,
        /// The visits that don't fit any more. They stay booked.
        #[serde(default, skip_serializing_if = "Conflicts::is_empty")]
        conflicts: Conflicts,
    },
    /// A waiting request was withdrawn.
    Withdrawal {
        /// Which.
        request_id: RequestId,
    },
    /// A series was booked, or what was left of it called off.
    Series(SeriesState),
    /// A note was written, or a new version of one.
    Note(NoteState),
    /// A practitioner cares for a patient, or no longer does.
    CareRelation(CareRelationState),
    /// The exceptions of a practitioner's date were replaced.
    Exception {
        /// Whose date.
        practitioner_id: PractitionerId,
        /// By the practitioner's wall clock.
        date: Date,
        /// The visits that don't fit any more. They stay booked.
        #[serde(default, skip_serializing_if = "Conflicts::is_empty")]
        conflicts: Conflicts,
    },
    /// A location was made or changed; this is its state just after.
    Location(LocationState),
    /// A visit type was made or changed; this is its state just after.
    Service(ServiceState),
}

/// Visits of a series that were booked or called off, just after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesState {
    /// Which series.
    pub id: SeriesId,
    /// By start.
    pub appointments: Vec<AppointmentState>,
}

/// A note as it stands at some version; what it says is in the database only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteState {
    /// Which note.
    pub id: NoteId,
    /// Grows by one with every version.
    pub version: i32,
    /// About which visit.
    pub appointment_id: AppointmentId,
    /// About whom.
    pub patient_id: PatientId,
    /// By whom.
    pub practitioner_id: PractitionerId,
}

/// That a practitioner cares for a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareRelationState {
    /// Which relation.
    pub id: CareRelationId,
    /// Who cares.
    pub practitioner_id: PractitionerId,
    /// For whom.
    pub patient_id: PatientId,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none: until somebody ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Booked visits that lie outside of changed hours, or in hours that are for something else now.
/// Ids and times only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflicts {
    /// How many there are.
    pub count: u32,
    /// The earliest of them, [`Conflicts::NAMED`] at most.
    pub visits: Vec<ConflictingVisit>,
}

/// A visit that doesn't fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictingVisit {
    /// Which.
    pub id: AppointmentId,
    /// Begins.
    pub start: Timestamp,
    /// Ends, exclusive.
    pub end: Timestamp,
}

impl Conflicts {
    /// So many are named at most: the outcome of a request has to fit into a message.
    pub const NAMED: usize = 500;

    /// Whether every visit fits.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those of `visits`, which are in order, that the hours don't allow; without hours, all.
    pub fn of(visits: &[UpcomingVisit], hours: Option<&Availability>) -> Self {
        let fits = |visit: &&UpcomingVisit| hours.is_some_and(|hours| hours.fits(&visit.booked));
        let conflicting: Vec<_> = visits.iter().filter(|visit| !fits(visit)).collect();
        let named = conflicting.iter().take(Self::NAMED).map(|visit| ConflictingVisit {
            id: visit.id,
            start: visit.booked.slot.start,
            end: visit.booked.slot.end,
        });
        Self { count: conflicting.len() as u32, visits: named.collect() }
    }
}

/// A visit that is still to come, as far as hours are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpcomingVisit {
    /// Which.
    pub id: AppointmentId,
    /// For whom.
    pub patient_id: PatientId,
    /// When, what and where.
    pub booked: BookedVisit,
}

/// A location: FHIR R4 `Location`, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationState {
    /// Which.
    pub id: LocationId,
    /// Grows by one with every change.
    pub version: i32,
    /// What it is called.
    pub name: String,
    /// IANA name of the zone whose wall clock hangs there.
    pub time_zone: String,
    /// Whether visits can be booked there.
    pub active: bool,
}

/// A visit type: FHIR R4 `HealthcareService`, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Which.
    pub id: HealthcareServiceId,
    /// Grows by one with every change.
    pub version: i32,
    /// What it is called.
    pub name: String,
    /// Offered by practitioners of this specialty only; none: by all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialty: Option<String>,
    /// How patient and practitioner meet.
    pub modality: Modality,
    /// How long it lasts.
    pub duration_minutes: i16,
    /// What the practitioner needs before it.
    pub buffer_before_minutes: i16,
    /// What the practitioner needs after it.
    pub buffer_after_minutes: i16,
    /// Steps in which it may begin, from the beginning of opening hours.
    pub alignment_minutes: i16,
    /// How long before it begins it must be booked at the latest.
    pub minimum_notice_minutes: i32,
    /// How far ahead it can be booked.
    pub horizon_days: i16,
    /// Whether it can be booked.
    pub active: bool,
}

impl ServiceState {
    /// What slots are made of.
    pub fn visit_type(&self) -> Result<VisitType, InvalidVisitRules> {
        let rules = VisitRules::new(VisitNumbers {
            duration_minutes: self.duration_minutes,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            alignment_minutes: self.alignment_minutes,
            minimum_notice_minutes: self.minimum_notice_minutes,
            horizon_days: self.horizon_days,
        })?;
        Ok(VisitType { id: Some(self.id), modality: self.modality, rules })
    }

    /// Whether practitioners of that specialty offer it.
    pub fn is_offered_by(&self, specialty: &str) -> bool {
        self.active && self.specialty.as_deref().is_none_or(|only| only == specialty)
    }
}

/// A visit as it stood at some version. Ids and times only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppointmentState {
    /// Which visit.
    pub id: AppointmentId,
    /// Grows by one with every change.
    pub version: i32,
    /// FHIR status.
    pub status: AppointmentStatus,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// For whom.
    pub patient_id: PatientId,
    /// Begins.
    pub start: Timestamp,
    /// Ends, exclusive.
    pub end: Timestamp,
    /// Why it was called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelation_reason: Option<CancelationReason>,
    /// Its type; none: the practitioner's standard visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_id: Option<HealthcareServiceId>,
    /// Where; none: by video, or where the practitioner has one place only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
    /// When the hold ends, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The series that it was booked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_id: Option<SeriesId>,
}

macro_rules! rejections {
    ($($(#[$doc:meta])* $case:ident = $word:literal,)*) => {
        /// Why a request could not be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Rejection {$($(#[$doc])* $case,)*}

        impl Rejection {
            /// Every reason, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word that the database, metrics and problem types use.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$case => $word,)*}
            }
        }
    };
}

rejections! {
    /// Another visit of this practitioner takes (part of) that time.
    SlotTaken = "slot_taken",
    /// Another visit of this patient takes (part of) that time.
    PatientBusy = "patient_busy",
    /// The key was used with another body.
    KeyReused = "key_reused",
    /// No such practitioner, or not bookable.
    UnknownPractitioner = "unknown_practitioner",
    /// No such patient.
    UnknownPatient = "unknown_patient",
    /// No such visit, or not the caller's.
    UnknownAppointment = "unknown_appointment",
    /// The time lies in the past.
    StartInPast = "start_in_past",
    /// The practitioner doesn't work then.
    OutsideHours = "outside_hours",
    /// Between the beginnings of two slots.
    OffGrid = "off_grid",
    /// The clocks skip that time.
    StartInGap = "start_in_gap",
    /// The clocks show that time twice.
    StartAmbiguous = "start_ambiguous",
    /// The visit changed since the caller looked.
    VersionMismatch = "version_mismatch",
    /// The visit's status doesn't allow it.
    NotCancellable = "not_cancellable",
    /// The request that should be withdrawn has ended already.
    AlreadySettled = "already_settled",
    /// The hours make no sense (checked at the door too; here for messages from elsewhere).
    InvalidAvailability = "invalid_availability",
    /// The caller's role doesn't allow it.
    NotAllowed = "not_allowed",
    /// The hold's time had run out.
    HoldExpired = "hold_expired",
    /// The patient holds as many times as anybody may.
    TooManyHolds = "too_many_holds",
    /// It is too late for that.
    PastCutOff = "past_cut_off",
    /// The visit's status doesn't allow it.
    StatusConflict = "status_conflict",
    /// The visit hasn't begun.
    NotBegun = "not_begun",
    /// There is no earlier status to go back to.
    NothingToUndo = "nothing_to_undo",
    /// No such series, or not the caller's.
    UnknownSeries = "unknown_series",
    /// The series makes no sense (checked at the door too).
    InvalidSeries = "invalid_series",
    /// No such note, or not the caller's.
    UnknownNote = "unknown_note",
    /// The practitioner cares for that patient already.
    AlreadyAssigned = "already_assigned",
    /// No such care relation, or it has ended.
    UnknownCareRelation = "unknown_care_relation",
    /// No such visit type, or it isn't offered any more.
    UnknownService = "unknown_service",
    /// No such location, or nobody is seen there any more.
    UnknownLocation = "unknown_location",
    /// The practitioner doesn't offer that visit, or not then and there.
    NotOffered = "not_offered",
    /// The visit begins sooner than its type allows.
    TooSoon = "too_soon",
    /// The visit lies further ahead than its type allows.
    BeyondHorizon = "beyond_horizon",
    /// The location makes no sense (checked at the door too).
    InvalidLocation = "invalid_location",
    /// The visit type makes no sense (checked at the door too).
    InvalidService = "invalid_service",
}

impl std::str::FromStr for Rejection {
    type Err = UnknownRejection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(UnknownRejection)
    }
}

/// The word is no reason that this version knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown rejection")]
pub struct UnknownRejection;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_reason_is_its_json() {
        for reason in Rejection::ALL {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.as_str());
            assert_eq!(reason.as_str().parse::<Rejection>().unwrap(), *reason);
        }
    }
}
