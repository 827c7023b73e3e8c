//! What the endpoints about visits answer with, and the words by which a rule is overridden.

use contracts::audit::StatedReason;
use contracts::{AppointmentState, CareRelationState, NoteState, SeriesState};
use domain::{
    AppointmentId, CancelationReason, CareRelationId, NoteId, PatientId, PractitionerId, Role,
    SeriesId, UserId,
};
use jiff::Timestamp;
use serde::Serialize;
use store::reading::{HistoryRow, NoteRow};
use utoipa::ToSchema;

use crate::documents::AppointmentDocument;
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// Why a rule doesn't count, if it is to be overridden. Only administrators may, and say why.
pub fn override_reason(
    caller: &Caller,
    overrides: bool,
    reason: Option<StatedReason>,
) -> Result<Option<StatedReason>, Problem> {
    let invalid =
        |pointer, detail| Err(Problem::new(ProblemType::InvalidBody).at_pointer(pointer, detail));
    match (overrides, reason) {
        (false, None) => Ok(None),
        (false, Some(_)) => invalid("/override", "true, when there is a reason for it"),
        (true, _) if caller.actor.role != Role::Admin => {
            let refusal = Problem::new(ProblemType::Forbidden);
            Err(refusal.with_detail("only administrators override a rule"))
        }
        (true, None) => invalid("/override_reason", "required"),
        (true, reason) => Ok(reason),
    }
}

/// The reason, unless it is one that only the system gives.
pub fn stated(reason: CancelationReason) -> Result<CancelationReason, Problem> {
    if reason.may_be_stated() {
        return Ok(reason);
    }
    let detail = "what becomes of holds is not for anybody to say";
    Err(Problem::new(ProblemType::InvalidBody).at_pointer("/reason", detail))
}

/// A series: FHIR has no resource for it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesDocument {
    /// Which series.
    #[schema(value_type = String, format = Uuid)]
    pub id: SeriesId,
    /// Its visits, by start; after calling off the rest, those that were called off.
    pub appointments: Vec<AppointmentDocument>,
}

impl SeriesDocument {
    /// The series with these visits.
    pub fn new(id: SeriesId, appointments: &[AppointmentState]) -> Self {
        let appointments = appointments.iter().map(AppointmentDocument::from).collect();
        Self { id, appointments }
    }
}

impl From<&SeriesState> for SeriesDocument {
    fn from(series: &SeriesState) -> Self {
        Self::new(series.id, &series.appointments)
    }
}

/// A visit as it stood after one change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryDocument {
    /// Its version then.
    pub version: i32,
    /// Its FHIR status then.
    #[schema(example = "booked")]
    pub status: &'static str,
    /// Why it was called off; FHIR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelation_reason: Option<&'static str>,
    /// With whom it was then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub practitioner_id: Option<PractitionerId>,
    /// When it began then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Timestamp>,
    /// When it ended then, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end: Option<Timestamp>,
    /// Whether it took the change before it back.
    pub is_undo: bool,
    /// When it was changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// By whom; the end of a hold is its patient's.
    #[schema(value_type = String, format = Uuid)]
    pub changed_by: UserId,
    /// In which role.
    #[schema(value_type = String)]
    pub changed_as: Role,
}

impl From<&HistoryRow> for HistoryDocument {
    fn from(row: &HistoryRow) -> Self {
        Self {
            version: row.version,
            status: row.status.as_str(),
            cancelation_reason: row.reason.map(CancelationReason::as_str),
            practitioner_id: row.planned.map(|(practitioner, ..)| practitioner),
            start: row.planned.map(|(_, start, _)| start),
            end: row.planned.map(|(.., end)| end),
            is_undo: row.is_undo,
            changed_at: row.changed_at,
            changed_by: row.actor_id,
            changed_as: row.actor_role,
        }
    }
}

/// A note that was written just now; GET tells what it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WrittenNoteDocument {
    /// Which note.
    #[schema(value_type = String, format = Uuid)]
    pub id: NoteId,
    /// Grows by one with every version; the ETag is this number as `"v1"`.
    pub version: i32,
    /// About which visit.
    #[schema(value_type = String, format = Uuid)]
    pub appointment_id: AppointmentId,
    /// About whom.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// By whom.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
}

impl From<&NoteState> for WrittenNoteDocument {
    fn from(note: &NoteState) -> Self {
        Self {
            id: note.id,
            version: note.version,
            appointment_id: note.appointment_id,
            patient_id: note.patient_id,
            practitioner_id: note.practitioner_id,
        }
    }
}

/// A clinical note, in one version.
#[derive(Clone, Serialize, ToSchema)]
pub struct NoteDocument {
    /// Which note.
    #[schema(value_type = String, format = Uuid)]
    pub id: NoteId,
    /// Grows by one with every version; the ETag is this number as `"v1"`.
    pub version: i32,
    /// About which visit.
    #[schema(value_type = String, format = Uuid)]
    pub appointment_id: AppointmentId,
    /// About whom.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// By whom.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// What it says.
    pub text: String,
    /// When this version was written.
    #[schema(value_type = String, format = DateTime)]
    pub written_at: Timestamp,
}

impl From<NoteRow> for NoteDocument {
    fn from(note: NoteRow) -> Self {
        Self {
            id: note.id,
            version: note.version,
            appointment_id: note.appointment_id,
            patient_id: note.patient_id,
            practitioner_id: note.practitioner_id,
            text: note.text,
            written_at: note.written_at,
        }
    }
}

/// That a doctor cares for a patient: one entry of FHIR's `CareTeam`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CareRelationDocument {
    /// Which relation.
    #[schema(value_type = String, format = Uuid)]
    pub id: CareRelationId,
    /// Who cares.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// For whom.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when; without it, until somebody ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl From<&CareRelationState> for CareRelationDocument {
    fn from(relation: &CareRelationState) -> Self {
        Self {
            id: relation.id,
            practitioner_id: relation.practitioner_id,
            patient_id: relation.patient_id,
            since: relation.since,
            until: relation.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Actor, CorrelationId};

    use super::*;

    #[test]
    fn a_rule_is_overridden_by_administrators_who_say_why() {
        let caller = |role| Caller {
            actor: Actor { id: UserId::generate(), role },
            correlation_id: CorrelationId::generate(),
        };
        let reason = || StatedReason::try_from("the doctor is ill".to_owned()).ok();
        let kind = |role, overrides, reason| {
            override_reason(&caller(role), overrides, reason).map_err(|problem| problem.kind())
        };
        assert_eq!(kind(Role::Patient, false, None), Ok(None));
        assert_eq!(kind(Role::Admin, true, reason()), Ok(reason()));
        assert_eq!(kind(Role::Admin, true, None), Err(ProblemType::InvalidBody));
        assert_eq!(kind(Role::Admin, false, reason()), Err(ProblemType::InvalidBody));
        assert_eq!(kind(Role::Doctor, true, reason()), Err(ProblemType::Forbidden));
    }
}
