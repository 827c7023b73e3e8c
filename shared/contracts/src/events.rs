//! Facts that the booking worker publishes from its outbox.

use domain::PractitionerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::StatedReason;
use crate::{AppointmentState, CareRelationState, LocationState, NoteState, ServiceState};

/// A visit was held (`mc.evt.appointment.held`), booked (`.booked`), rescheduled (`.rescheduled`),
/// cancelled (`.cancelled`), or came to another status (`.status-changed`). Schema
/// `appointment.booked/1` and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppointmentEvent {
    /// The visit just after.
    pub appointment: AppointmentState,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it would have been, if it was rescheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousTime>,
    /// Why it was done although it was too late, in an administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<StatedReason>,
}

/// When and with whom a visit would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousTime {
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// Would have begun.
    pub start: Timestamp,
    /// Would have ended, exclusive.
    pub end: Timestamp,
}

/// A note was written or revised (`mc.evt.note.written`); what it says is not told. Schema
/// `note.written/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoteEvent {
    /// The note just after.
    pub note: NoteState,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A practitioner cares for a patient (`mc.evt.care-relation.assigned`), or no longer does
/// (`.ended`). Schema `care-relation.assigned/1`, `care-relation.ended/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CareEvent {
    /// The relation just after.
    pub care_relation: CareRelationState,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A practitioner's hours, or those of one date, were replaced (`mc.evt.practitioner.availability-changed`). Schema
/// `practitioner.availability-changed/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AvailabilityChanged {
    /// Whose.
    pub practitioner_id: PractitionerId,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A location was made or changed (`mc.evt.location.changed`). Schema `location.changed/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationChanged {
    /// The location just after.
    pub location: LocationState,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A visit type was made or changed (`mc.evt.healthcare-service.changed`). Schema
/// `healthcare-service.changed/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceChanged {
    /// The visit type just after.
    pub service: ServiceState,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// The kinds of facts, and with them the last two words of their subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A visit was booked.
    AppointmentBooked,
    /// A visit was cancelled.
    AppointmentCancelled,
    /// A practitioner's hours were replaced.
    AvailabilityChanged,
    /// A time is held for a while.
    AppointmentHeld,
    /// A visit is at another time, or with somebody else.
    AppointmentRescheduled,
    /// A visit came to another status, or back to one.
    AppointmentStatusChanged,
    /// A note was written or revised.
    NoteWritten,
    /// A practitioner cares for a patient.
    CareAssigned,
    /// A practitioner no longer cares for a patient.
    CareEnded,
    /// A location was made or changed.
    LocationChanged,
    /// A visit type was made or changed.
    ServiceChanged,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::AppointmentBooked,
        Self::AppointmentCancelled,
        Self::AvailabilityChanged,
        Self::AppointmentHeld,
        Self::AppointmentRescheduled,
        Self::AppointmentStatusChanged,
        Self::NoteWritten,
        Self::CareAssigned,
        Self::CareEnded,
        Self::LocationChanged,
        Self::ServiceChanged,
    ];

    /// `<aggregate>.<kind>`, as the outbox stores it and the subject ends.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppointmentBooked => "appointment.booked",
            Self::AppointmentCancelled => "appointment.cancelled",
            Self::AvailabilityChanged => "practitioner.availability-changed",
            Self::AppointmentHeld => "appointment.held",
            Self::AppointmentRescheduled => "appointment.rescheduled",
            Self::AppointmentStatusChanged => "appointment.status-changed",
            Self::NoteWritten => "note.written",
            Self::CareAssigned => "care-relation.assigned",
            Self::CareEnded => "care-relation.ended",
            Self::LocationChanged => "location.changed",
            Self::ServiceChanged => "healthcare-service.changed",
        }
    }

    /// The subject of facts of this kind.
    pub fn subject(self) -> String {
        format!("mc.evt.{}", self.as_str())
    }

    /// `<kind>/<version>`, for the `Mc-Schema` header.
    pub fn schema(self) -> String {
        format!("{}/1", self.as_str())
    }
}

impl std::str::FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownEventKind)
    }
}

/// The text names no fact that this version knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of event")]
pub struct UnknownEventKind;
