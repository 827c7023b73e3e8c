//! Facts that the booking worker publishes from its outbox.

use domain::PractitionerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AppointmentState, LocationState, ServiceState};

/// A visit was booked (`mc.evt.appointment.booked`) or cancelled
/// (`mc.evt.appointment.cancelled`). Schema `appointment.booked/1`, `appointment.cancelled/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppointmentEvent {
    /// The visit just after.
    pub appointment: AppointmentState,
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
    /// A location was made or changed.
    LocationChanged,
    /// A visit type was made or changed.
    ServiceChanged,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::AppointmentBooked,
        Self::AppointmentCancelled,
        Self::AvailabilityChanged,
        Self::LocationChanged,
        Self::ServiceChanged,
    ];

    /// `<aggregate>.<kind>`, as the outbox stores it and the subject ends.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppointmentBooked => "appointment.booked",
            Self::AppointmentCancelled => "appointment.cancelled",
            Self::AvailabilityChanged => "practitioner.availability-changed",
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
