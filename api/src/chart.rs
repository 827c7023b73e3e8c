//! Patients, as those see them who look after them.

use domain::{AppointmentId, PatientId, PayerId, PractitionerId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::reading::{CoverageRow, PatientRow, Standing, VisitRow};
use utoipa::ToSchema;

use crate::coverage::EligibilityDocument;
use crate::documents::NameDocument;

/// A patient.
#[derive(Clone, Serialize, ToSchema)]
pub struct PatientDocument {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    pub id: PatientId,
    /// What they are called.
    pub name: NameDocument,
    /// When they were born.
    #[schema(value_type = String, format = Date)]
    pub birth_date: Date,
}

impl From<PatientRow> for PatientDocument {
    fn from(patient: PatientRow) -> Self {
        Self { id: patient.id, name: (&patient.name).into(), birth_date: patient.birth_date }
    }
}

/// A visit in a chart. GET /v1/appointments/{id} says more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChartVisitDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: AppointmentId,
    /// FHIR status.
    #[schema(example = "booked")]
    pub status: &'static str,
    /// With whom.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// Begins.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Ends, exclusive.
    #[schema(value_type = String, format = DateTime)]
    pub end: Timestamp,
}

impl From<VisitRow> for ChartVisitDocument {
    fn from(visit: VisitRow) -> Self {
        let VisitRow { id, status, practitioner_id, start, end } = visit;
        Self { id, status: status.as_str(), practitioner_id, start, end }
    }
}

/// A coverage in a chart: without the numbers on any card.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChartCoverageDocument {
    /// The insurer's number.
    #[schema(value_type = String, example = "00042")]
    pub payer: PayerId,
    /// FHIR status.
    #[schema(example = "active")]
    pub status: &'static str,
    /// What the insurer says of it, without a visit.
    pub eligibility: EligibilityDocument,
}

impl ChartCoverageDocument {
    /// The coverage as it stands now.
    pub fn of(coverage: &CoverageRow, standing: Option<Standing>, now: Timestamp) -> Self {
        Self {
            payer: coverage.payer.clone(),
            status: coverage.status.as_str(),
            eligibility: EligibilityDocument::of(standing, now),
        }
    }
}

/// A patient's chart, in short.
#[derive(Clone, Serialize, ToSchema)]
pub struct ChartDocument {
    /// Whose.
    #[serde(flatten)]
    pub patient: PatientDocument,
    /// The latest visits that the caller may see, the latest first, at most 50.
    pub visits: Vec<ChartVisitDocument>,
    /// Who insures the patient, as far as the caller may see it: doctors only in an emergency.
    pub coverages: Vec<ChartCoverageDocument>,
    /// The chart is open because of an emergency, and everything that is read of it is recorded as
    /// that.
    pub is_emergency: bool,
}
