//! What api asks the booking worker to do.

use domain::{
    AppointmentId, Availability, CancelationReason, CorrelationId, HealthcareServiceId,
    InvalidAvailability, LocationId, OpeningHours, PatientId, PractitionerId, RequestId,
    RequestedStart,
};
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::audit::StatedReason;
use crate::subjects::BookingKind;
use crate::visits::{
    AddNote, AssignCare, BookSeries, CancelSeries, EndCare, RescheduleAppointment, ReviseNote,
    SeenAppointment, SetAppointmentStatus,
};
use crate::{IdempotencyId, Metadata, Schema};

/// Book a visit (schema `booking.book/1`), or hold its time for a while (`booking.hold/1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookAppointment {
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// For whom.
    pub patient_id: PatientId,
    /// When it begins; how long it lasts says its type.
    pub start: RequestedStart,
    /// Its type; none: the practitioner's standard visit, as long as a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_id: Option<HealthcareServiceId>,
    /// Where; none: wherever the practitioner is then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
}

/// Call a visit off. Schema `booking.cancel/1`; with a reason to override, `booking.cancel/2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelAppointment {
    /// Which visit.
    pub appointment_id: AppointmentId,
    /// The version that the caller saw (`If-Match`).
    pub version: i32,
    /// Why.
    pub reason: CancelationReason,
    /// Why it is called off although it is too late for that, in an administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<StatedReason>,
}

/// Withdraw a request that is not settled yet. Schema `booking.withdraw/1`.
///
/// Repeats what the target's own message says of it, because the inbox row of a withdrawn
/// request is written before that message is handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Which request.
    pub request_id: RequestId,
    /// What it asks for.
    pub kind: BookingKind,
    /// Its correlation id.
    pub correlation_id: CorrelationId,
    /// Its idempotency id, when its caller gave a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_id: Option<IdempotencyId>,
    /// Position of its message in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

impl WithdrawRequest {
    /// Withdraws the request whose message has this envelope, kind and position.
    pub fn of(target: &Metadata, kind: BookingKind, stream_sequence: u64) -> Self {
        Self {
            request_id: target.request_id,
            kind,
            correlation_id: target.correlation_id,
            idempotency_id: target.idempotency_id,
            stream_sequence,
            accepted_at: target.accepted_at,
        }
    }
}

/// Replace a practitioner's weekly hours. Schema `booking.set-availability/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAvailability {
    /// Whose.
    pub practitioner_id: PractitionerId,
    /// IANA name of the zone whose wall clock the hours follow.
    pub time_zone: String,
    /// How long one slot lasts, minutes.
    pub slot_minutes: i16,
    /// Opening hours; empty means not bookable.
    pub hours: Vec<WeeklyHours>,
}

/// Open from `start` to `end` on one day of every week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// FHIR day code.
    pub day: Day,
    /// `09:00`, by the wall clock.
    pub start: Time,
    /// `17:30`, by the wall clock.
    pub end: Time,
}

/// FHIR `DaysOfWeek`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the days of the week")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Mon => Self::Monday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
            Day::Thu => Self::Thursday,
            Day::Fri => Self::Friday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
        }
    }
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

impl SetAvailability {
    /// The week, checked.
    pub fn availability(&self) -> Result<Availability, InvalidAvailability> {
        let hours = self.hours.iter().map(|hours| OpeningHours {
            weekday: hours.day.into(),
            start: hours.start,
            end: hours.end,
        });
        Availability::new(&self.time_zone, self.slot_minutes.try_into()?, hours.collect())
    }
}

/// A command that the booking worker understands.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the payloads document themselves")]
pub enum BookingCommand {
    Book(BookAppointment),
    Cancel(CancelAppointment),
    Withdraw(WithdrawRequest),
    SetAvailability(SetAvailability),
    Hold(BookAppointment),
    Confirm(SeenAppointment),
    Release(SeenAppointment),
    Reschedule(RescheduleAppointment),
    SetStatus(SetAppointmentStatus),
    UndoStatus(SeenAppointment),
    BookSeries(BookSeries),
    CancelSeries(CancelSeries),
    AddNote(AddNote),
    ReviseNote(ReviseNote),
    AssignCare(AssignCare),
    EndCare(EndCare),
}

/// A message that is no command. Never quotes the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// The schema is unknown: written by a newer api, or by nobody of ours.
    #[error("unknown schema")]
    Schema,
    /// The body is not what the schema says.
    #[error("body does not match its schema, line {line} column {column}")]
    Body {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
}

impl BookingCommand {
    /// Kind, for the subject.
    pub const fn kind(&self) -> BookingKind {
        match self {
            Self::Book(_) => BookingKind::Book,
            Self::Cancel(_) => BookingKind::Cancel,
            Self::Withdraw(_) => BookingKind::Withdraw,
            Self::SetAvailability(_) => BookingKind::SetAvailability,
            Self::Hold(_) => BookingKind::Hold,
            Self::Confirm(_) => BookingKind::Confirm,
            Self::Release(_) => BookingKind::Release,
            Self::Reschedule(_) => BookingKind::Reschedule,
            Self::SetStatus(_) => BookingKind::SetStatus,
            Self::UndoStatus(_) => BookingKind::UndoStatus,
            Self::BookSeries(_) => BookingKind::BookSeries,
            Self::CancelSeries(_) => BookingKind::CancelSeries,
            Self::AddNote(_) => BookingKind::AddNote,
            Self::ReviseNote(_) => BookingKind::ReviseNote,
            Self::AssignCare(_) => BookingKind::AssignCare,
            Self::EndCare(_) => BookingKind::EndCare,
        }
    }

    /// `<kind>/<version>`, for the `Mc-Schema` header.
    pub fn schema(&self) -> String {
        // A worker that knows no overriding must not cancel as if nobody had asked for it.
        let version = match self {
            Self::Cancel(cancel) if cancel.override_reason.is_some() => 2,
            _ => 1,
        };
        format!("booking.{}/{version}", self.kind().as_str())
    }

    /// The canonical body: the same command always gives the same bytes.
    pub fn to_body(&self) -> Vec<u8> {
        let body = match self {
            Self::Book(command) | Self::Hold(command) => serde_json::to_vec(command),
            Self::Cancel(command) => serde_json::to_vec(command),
            Self::Withdraw(command) => serde_json::to_vec(command),
            Self::SetAvailability(command) => serde_json::to_vec(command),
            Self::Confirm(command) | Self::Release(command) | Self::UndoStatus(command) => {
                serde_json::to_vec(command)
            }
            Self::Reschedule(command) => serde_json::to_vec(command),
            Self::SetStatus(command) => serde_json::to_vec(command),
            Self::BookSeries(command) => serde_json::to_vec(command),
            Self::CancelSeries(command) => serde_json::to_vec(command),
            Self::AddNote(command) => serde_json::to_vec(command),
            Self::ReviseNote(command) => serde_json::to_vec(command),
            Self::AssignCare(command) => serde_json::to_vec(command),
            Self::EndCare(command) => serde_json::to_vec(command),
        };
        body.expect("these structs have string keys only, so writing JSON to memory can't fail")
    }

    /// Reads a body by what its envelope says of it.
    pub fn from_message(metadata: &Metadata, body: &[u8]) -> Result<Self, Undecodable> {
        fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Undecodable> {
            serde_json::from_slice(body)
                .map_err(|error| Undecodable::Body { line: error.line(), column: error.column() })
        }
        let Schema { kind, version } = metadata.schema().map_err(|_| Undecodable::Schema)?;
        match (kind, version) {
            ("booking.book", 1) => read(body).map(Self::Book),
            ("booking.cancel", 1 | 2) => read(body).map(Self::Cancel),
            ("booking.withdraw", 1) => read(body).map(Self::Withdraw),
            ("booking.set-availability", 1) => read(body).map(Self::SetAvailability),
            ("booking.hold", 1) => read(body).map(Self::Hold),
            ("booking.confirm", 1) => read(body).map(Self::Confirm),
            ("booking.release", 1) => read(body).map(Self::Release),
            ("booking.reschedule", 1) => read(body).map(Self::Reschedule),
            ("booking.set-status", 1) => read(body).map(Self::SetStatus),
            ("booking.undo-status", 1) => read(body).map(Self::UndoStatus),
            ("booking.book-series", 1) => read(body).map(Self::BookSeries),
            ("booking.cancel-series", 1) => read(body).map(Self::CancelSeries),
            ("booking.add-note", 1) => read(body).map(Self::AddNote),
            ("booking.revise-note", 1) => read(body).map(Self::ReviseNote),
            ("booking.assign-care", 1) => read(body).map(Self::AssignCare),
            ("booking.end-care", 1) => read(body).map(Self::EndCare),
            _ => Err(Undecodable::Schema),
        }
    }
}
