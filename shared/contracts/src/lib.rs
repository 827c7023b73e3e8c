//! What the services say to each other: envelope, subjects, commands, events, outcomes, and the
//! entries of the audit log; and what the eligibility worker and an insurer say to each other.
//!
//! Bodies are JSON. Every message names its kind and version in `Mc-Schema`; retired versions
//! stay readable, and the snapshots in this crate's tests hold the wire format still.

pub mod audit;
pub mod breaker;
pub mod commands;
pub mod dead_letter;
pub mod events;
pub mod idempotency;
pub mod insurer;
pub mod masking;
pub mod metadata;
pub mod outcome;
pub mod rehearsal;
pub mod subjects;
pub mod trace;
pub mod visits;

pub use audit::{AuditAnchor, AuditEntry, AuditKind};
pub use breaker::{BreakerControl, BreakerOrder, BreakerReport, ReportKey};
pub use commands::{
    BookAppointment, BookingCommand, CancelAppointment, SetAvailability, SetException, SetLocation,
    SetService, WithdrawRequest,
};
pub use dead_letter::LetterFacts;
pub use events::{
    AppointmentEvent, AvailabilityChanged, CareEvent, EventKind, LocationChanged, NoteEvent,
    PreviousTime, ServiceChanged,
};
pub use idempotency::{IdempotencyId, Route};
pub use metadata::{Metadata, Schema};
pub use outcome::{
    Applied, AppointmentState, CareRelationState, Conflicts, LocationState, NoteState, Outcome,
    Rejection, SeriesState, ServiceState, UpcomingVisit,
};
pub use rehearsal::{Rehearsal, Rehearse, TableWrites};
pub use subjects::BookingKind;
pub use trace::TraceContext;
pub use visits::{
    AddNote, AssignCare, BookSeries, CancelSeries, EndCare, RescheduleAppointment, ReviseNote,
    SeenAppointment, SetAppointmentStatus,
};
