//! Where messages go. Subjects hold enum words and opaque ids only: they are built from types,
//! never from text that came from outside.

use domain::RequestId;
use serde::{Deserialize, Serialize};

/// Stream of accepted work.
pub const COMMANDS: &str = "MC_COMMANDS";
/// Stream of facts.
pub const EVENTS: &str = "MC_EVENTS";
/// Stream of who saw or did what.
pub const AUDIT: &str = "MC_AUDIT";
/// Stream of messages that no worker could settle.
pub const DEAD: &str = "MC_DEAD";

/// What the booking worker is asked to do; the third word of the subject from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BookingKind {
    /// Book an appointment.
    Book,
    /// Cancel one.
    Cancel,
    /// Withdraw a request that still waits.
    Withdraw,
    /// Replace a practitioner's weekly hours.
    SetAvailability,
    /// Hold a time for a while.
    Hold,
    /// Make a visit of a hold.
    Confirm,
    /// Give a hold back.
    Release,
    /// Move a visit to another time.
    Reschedule,
    /// Say how far a visit has come.
    SetStatus,
    /// Take the last status of a visit back.
    UndoStatus,
    /// Book a visit that comes again.
    BookSeries,
    /// Call off what is left of one.
    CancelSeries,
    /// Write a note.
    AddNote,
    /// Write a new version of one.
    ReviseNote,
    /// Say that a practitioner cares for a patient.
    AssignCare,
    /// Say that they no longer do.
    EndCare,
    /// Say in what a practitioner's date differs from its day of the week.
    SetException,
    /// Make or change a location.
    SetLocation,
    /// Make or change a visit type.
    SetService,
}

impl BookingKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Book,
        Self::Cancel,
        Self::Withdraw,
        Self::SetAvailability,
        Self::Hold,
        Self::Confirm,
        Self::Release,
        Self::Reschedule,
        Self::SetStatus,
        Self::UndoStatus,
        Self::BookSeries,
        Self::CancelSeries,
        Self::AddNote,
        Self::ReviseNote,
        Self::AssignCare,
        Self::EndCare,
        Self::SetException,
        Self::SetLocation,
        Self::SetService,
    ];

    /// The word in the subject.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Cancel => "cancel",
            Self::Withdraw => "withdraw",
            Self::SetAvailability => "set-availability",
            Self::Hold => "hold",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Reschedule => "reschedule",
            Self::SetStatus => "set-status",
            Self::UndoStatus => "undo-status",
            Self::BookSeries => "book-series",
            Self::CancelSeries => "cancel-series",
            Self::AddNote => "add-note",
            Self::ReviseNote => "revise-note",
            Self::AssignCare => "assign-care",
            Self::EndCare => "end-care",
            Self::SetException => "set-exception",
            Self::SetLocation => "set-location",
            Self::SetService => "set-service",
        }
    }

    /// Subject of one request.
    pub fn subject(self, request: RequestId) -> String {
        format!("mc.cmd.booking.{}.{request}", self.as_str())
    }

    /// Subjects of every request of this kind, for a consumer's filter.
    pub fn all_subjects(self) -> String {
        format!("mc.cmd.booking.{}.*", self.as_str())
    }
}

/// The request id and the kind that a command's subject names.
pub fn parse_command(subject: &str) -> Option<(BookingKind, RequestId)> {
    let (kind, id) = subject.strip_prefix("mc.cmd.booking.")?.split_once('.')?;
    let kind = BookingKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some((kind, id.parse().ok()?))
}

/// Subject of a dead letter. `request` is the request's id, or for a message without one its
/// `<stream sequence>`.
pub fn dead_letter(worker: &str, kind: &str, request: &str) -> String {
    format!("mc.dead.{worker}.{kind}.{request}")
}

/// Subjects of every dead letter of one request.
pub fn dead_letters_of(request: RequestId) -> String {
    format!("mc.dead.*.*.{request}")
}

/// Core NATS subject on which the booking workers answer what would become of a dead letter.
pub const REHEARSE_BOOKING: &str = "mc.ops.rehearse.booking";

/// Core NATS subject on which one api instance waits for an outcome.
pub fn reply(instance: &str, request: RequestId) -> String {
    format!("mc.reply.{instance}.{request}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_subject_reads_back() {
        let id = RequestId::generate();
        for kind in BookingKind::ALL {
            assert_eq!(parse_command(&kind.subject(id)), Some((kind, id)));
        }
        for subject in ["mc.cmd.booking.book", "mc.cmd.booking.steal.x", "mc.cmd.booking.book.x"] {
            assert_eq!(parse_command(subject), None);
        }
    }
}
