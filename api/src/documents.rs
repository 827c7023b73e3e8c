//! What more than one endpoint answers with.

use contracts::{AppointmentState, Outcome};
use domain::{
    AppointmentId, CancelationReason, CorrelationId, HealthcareServiceId, HumanName, LocationId,
    PatientId, PractitionerId, RequestId, Role, SeriesId, UserId,
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::ProblemDocument;

/// A visit: FHIR R4 `Appointment`, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AppointmentDocument {
    /// Which visit.
    #[schema(value_type = String, format = Uuid)]
    pub id: AppointmentId,
    /// FHIR status.
    #[schema(example = "booked")]
    pub status: &'static str,
    /// Grows by one with every change; the ETag is this number as `"v1"`.
    pub version: i32,
    /// With whom.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// For whom.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// Begins.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Ends, exclusive.
    #[schema(value_type = String, format = DateTime)]
    pub end: Timestamp,
    /// Why it was called off; FHIR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pat")]
    pub cancelation_reason: Option<&'static str>,
    /// Its type; a visit without one is the doctor's standard visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub service_id: Option<HealthcareServiceId>,
    /// Where; a visit by video has no place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub location_id: Option<LocationId>,
    /// When the hold ends, if it is one: `pending`, and to be confirmed before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The series that it was booked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub series_id: Option<SeriesId>,
}

impl From<&AppointmentState> for AppointmentDocument {
    fn from(state: &AppointmentState) -> Self {
        Self {
            id: state.id,
            status: state.status.as_str(),
            version: state.version,
            practitioner_id: state.practitioner_id,
            patient_id: state.patient_id,
            start: state.start,
            end: state.end,
            cancelation_reason: state.cancelation_reason.map(CancelationReason::as_str),
            service_id: state.service_id,
            location_id: state.location_id,
            expires_at: state.expires_at,
            series_id: state.series_id,
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// It is durable, and waits.
    Accepted,
    /// It was done: see `result`.
    Applied,
    /// It couldn't be done: see `problem`.
    Rejected,
    /// It was taken back before it was done.
    Withdrawn,
    /// No worker could settle it; a person has to look.
    HeldForReview,
}

impl From<&Outcome> for RequestStatus {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Applied { .. } => Self::Applied,
            Outcome::Rejected { .. } | Outcome::Blocked { .. } => Self::Rejected,
            Outcome::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A request that was accepted just now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AcceptedDocument {
    /// Which request.
    #[schema(value_type = String, format = Uuid)]
    pub id: RequestId,
    /// What was asked.
    #[schema(example = "book")]
    pub kind: &'static str,
    /// `accepted`.
    pub status: RequestStatus,
}

/// A request: where it stands, and how it ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RequestDocument {
    /// Which request.
    #[schema(value_type = String, format = Uuid)]
    pub id: RequestId,
    /// What was asked: `book`, `cancel`, `withdraw`, `reschedule`, `set-availability` and so on.
    pub kind: String,
    /// Where it stands.
    pub status: RequestStatus,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub settled_at: Option<Timestamp>,
    /// What it did: `{"appointment": {…}}`, `{"availability": {…}}`, `{"withdrawal": {…}}`,
    /// `{"series": {…}}`, `{"note": {…}}`, `{"care_relation": {…}}`, `{"exception": {…}}`,
    /// `{"location": {…}}` or `{"service": {…}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<serde_json::Value>,
    /// Why it couldn't be done: the same as whoever waited for it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemDocument>,
    /// Joins everything that the request caused.
    #[schema(value_type = String, format = Uuid)]
    pub correlation_id: CorrelationId,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
}

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserDocument {
    /// Who; a patient's or practitioner's id, too.
    #[schema(value_type = String, format = Uuid)]
    pub id: UserId,
    /// What they sign in with.
    #[schema(format = Email)]
    pub email: String,
    /// What they may do: `patient`, `doctor`, `admin` or `operator`.
    #[schema(value_type = String)]
    pub role: Role,
}

/// What a person is called.
#[derive(Clone, Serialize, ToSchema)]
pub struct NameDocument {
    /// First name or names.
    pub given: String,
    /// Surname.
    pub family: String,
}

impl From<&HumanName> for NameDocument {
    fn from(name: &HumanName) -> Self {
        Self { given: name.given().to_owned(), family: name.family().to_owned() }
    }
}

/// A practitioner, as the directory shows them.
#[derive(Clone, Serialize, ToSchema)]
pub struct PractitionerDocument {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    pub id: PractitionerId,
    /// What they are called.
    pub name: NameDocument,
    /// What they treat.
    pub specialty: String,
}

impl From<store::reading::Practitioner> for PractitionerDocument {
    fn from(practitioner: store::reading::Practitioner) -> Self {
        Self {
            id: practitioner.id,
            name: (&practitioner.name).into(),
            specialty: practitioner.specialty,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListDocument<T> {
    /// The entries.
    pub items: Vec<T>,
}
