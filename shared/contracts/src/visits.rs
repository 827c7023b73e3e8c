//! What api asks the booking worker to do with visits that exist, or that come again: the bodies of
//! commands.

use domain::{
    AppointmentId, AppointmentStatus, CancelationReason, CareRelationId, InvalidRecurrence, NoteId,
    NoteText, PatientId, PractitionerId, Recurrence, RequestedStart, SeriesId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::BookAppointment;
use crate::audit::StatedReason;

/// A visit as its caller saw it. Schemas `booking.confirm/1`, `booking.release/1` (both of a hold)
/// and `booking.undo-status/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenAppointment {
    /// Which visit.
    pub appointment_id: AppointmentId,
    /// The version that the caller saw (`If-Match`).
    pub version: i32,
}

/// Move a visit to another time, or to another practitioner as well. Schema `booking.reschedule/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescheduleAppointment {
    /// Which visit.
    pub appointment_id: AppointmentId,
    /// The version that the caller saw (`If-Match`).
    pub version: i32,
    /// When it begins from now on.
    pub start: RequestedStart,
    /// With whom from now on; none: with whom it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practitioner_id: Option<PractitionerId>,
    /// Why it is moved although it is too late for that, in an administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<StatedReason>,
}

/// Say how far a visit has come. Schema `booking.set-status/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAppointmentStatus {
    /// Which visit.
    pub appointment_id: AppointmentId,
    /// The version that the caller saw (`If-Match`).
    pub version: i32,
    /// `arrived`, `checked-in`, `fulfilled` or `noshow`.
    pub status: AppointmentStatus,
}

/// Book a visit that comes again, every date of it or none. Schema `booking.book-series/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookSeries {
    /// The first of them.
    pub first: BookAppointment,
    /// Weeks from one to the next: 1 to 26.
    pub every_weeks: u8,
    /// How many in all: 2 to 52.
    pub count: u8,
}

impl BookSeries {
    /// How often, checked.
    pub fn recurrence(&self) -> Result<Recurrence, InvalidRecurrence> {
        Recurrence::new(self.every_weeks, self.count)
    }
}

/// Call off what is left of a series. Schema `booking.cancel-series/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelSeries {
    /// Which series.
    pub series_id: SeriesId,
    /// Why.
    pub reason: CancelationReason,
    /// Why it is called off although it is too late for some, in an administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<StatedReason>,
}

/// Write a note about a visit. Schema `booking.add-note/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddNote {
    /// Which visit.
    pub appointment_id: AppointmentId,
    /// What it says.
    pub text: NoteText,
}

/// Write a new version of a note. Schema `booking.revise-note/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviseNote {
    /// Which note.
    pub note_id: NoteId,
    /// The version that the caller saw (`If-Match`).
    pub version: i32,
    /// What it says from now on.
    pub text: NoteText,
}

/// Say that a practitioner cares for a patient. Schema `booking.assign-care/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignCare {
    /// Who is cared for.
    pub patient_id: PatientId,
    /// By whom.
    pub practitioner_id: PractitionerId,
    /// Until when; none: until somebody ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Say that a practitioner no longer cares for a patient. Schema `booking.end-care/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndCare {
    /// Which relation.
    pub care_relation_id: CareRelationId,
}
