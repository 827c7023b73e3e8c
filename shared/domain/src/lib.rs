//! What a clinic's appointments are, without any I/O: ids, roles, times that can be
//! booked, and the words (FHIR R4) that the rest of the house uses.
//!
//! A value of these types is valid by construction: parse at the edge, trust inside.

pub mod appointment;
pub mod availability;
#[cfg(test)]
mod availability_tests;
pub mod clock;
pub mod coded;
pub mod coverage;
pub mod eligibility;
pub mod email;
pub mod hours;
pub mod ids;
pub mod note_text;
pub mod person;
pub mod recurrence;
pub mod reject_reason;
pub mod role;
pub mod start;
pub mod undo;
pub mod visit_type;
pub mod wall_day;

pub use appointment::{AppointmentStatus, CancelationReason};
pub use availability::{Availability, BookedVisit, NotOffered, Offer, Slot};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use coded::UnknownCode;
pub use coverage::{
    CoverageStatus, InvalidMemberId, InvalidPayerId, MemberId, PayerId, Relationship,
};
pub use eligibility::{BenefitCode, CoverageFinding, EligibilityDecision, EligibilityStatus};
pub use email::{Email, InvalidEmail};
pub use hours::{
    Exception, ExceptionKind, Exceptions, Hours, InvalidAvailability, OpeningHours, SlotLength,
};
pub use ids::{
    AppointmentId, AuditEntryId, CareRelationId, CorrelationId, CoverageId, DeadLetterId,
    EligibilityCheckId, EmergencyAccessId, EventId, HealthcareServiceId, LocationId, NoteId,
    PatientId, PractitionerId, RequestId, SeriesId, SessionId, UserId,
};
pub use note_text::{InvalidNoteText, NoteText};
pub use person::{HumanName, InvalidName};
pub use recurrence::{InvalidRecurrence, Recurrence};
pub use reject_reason::{Person, RejectClass, RejectReason, Retry};
pub use role::{Actor, Role};
pub use start::{InvalidStart, RequestedStart};
pub use undo::{StatusChange, status_before};
pub use visit_type::{InvalidVisitRules, Modality, VisitNumbers, VisitRules, VisitType};
pub use wall_day::WallDay;
