//! How coverages and checks are shown.

use domain::{
    AppointmentId, CoverageFinding, CoverageId, EligibilityCheckId, EligibilityStatus, PatientId,
    PayerId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::reading::{CheckRow, CoverageRow, Standing};
use utoipa::ToSchema;

use crate::documents::{AppointmentDocument, NameDocument};

/// What the insurer said last, and how old that is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastKnownDocument {
    /// `active`, `inactive`, or `investigate`: the insurer wasn't sure.
    #[schema(example = "active")]
    pub result: &'static str,
    /// When it said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long ago that was, seconds.
    pub age_s: i64,
}

/// How something is covered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EligibilityDocument {
    /// `not_checked`, `checking`, `active`, `inactive`, `needs_attention` (a person has to act),
    /// `pending_verification` (nobody knows now, the insurer is asked again; never "not covered"),
    /// or `self_pay`.
    #[schema(example = "pending_verification")]
    pub status: &'static str,
    /// What the insurer said last, if it ever said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_known: Option<LastKnownDocument>,
    /// Why there is no newer answer: a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "timeout")]
    pub reason: Option<String>,
    /// The insurer's AAA code for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "75")]
    pub reason_code: Option<String>,
    /// When the insurer is asked (again).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_check_at: Option<Timestamp>,
}

impl EligibilityDocument {
    /// How it stands now; without a check nobody was asked.
    pub fn of(standing: Option<Standing>, now: Timestamp) -> Self {
        let Some(standing) = standing else {
            return Self {
                status: EligibilityStatus::NotChecked.as_str(),
                last_known: None,
                reason: None,
                reason_code: None,
                next_check_at: None,
            };
        };
        let last_known = |(finding, at): (CoverageFinding, Timestamp)| LastKnownDocument {
            result: finding.as_str(),
            at,
            age_s: now.duration_since(at).as_secs().max(0),
        };
        Self {
            status: standing.status.as_str(),
            last_known: standing.last_known.map(last_known),
            reason: standing.error_class,
            reason_code: standing.error_code,
            next_check_at: standing.next_at,
        }
    }
}

/// A visit, and how it is covered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadAppointmentDocument {
    /// The visit.
    #[serde(flatten)]
    pub appointment: AppointmentDocument,
    /// How it is covered. Changes without a new version of the visit.
    pub eligibility: EligibilityDocument,
}

/// From when till when.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PeriodDocument {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub start: Option<Date>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub end: Option<Date>,
}

/// The subscriber, when that is not the patient.
#[derive(Clone, Serialize, ToSchema)]
pub struct SubscriberDocument {
    /// What they are called.
    pub name: NameDocument,
    /// When they were born.
    #[schema(value_type = String, format = Date)]
    pub birth_date: Date,
}

/// Who insures a patient: FHIR R4 `Coverage`, in short.
#[derive(Clone, Serialize, ToSchema)]
pub struct CoverageDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: CoverageId,
    /// Whose.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// The insurer's number.
    #[schema(value_type = String, example = "00042")]
    pub payer: PayerId,
    /// The member number on the card.
    pub subscriber_id: String,
    /// What the patient is to the subscriber.
    #[schema(example = "self")]
    pub relationship: &'static str,
    /// The subscriber, when that is not the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<SubscriberDocument>,
    /// FHIR status.
    #[schema(example = "active")]
    pub status: &'static str,
    /// From when till when.
    pub period: PeriodDocument,
    /// What the insurer says of it, without a visit.
    pub eligibility: EligibilityDocument,
}

impl CoverageDocument {
    /// The coverage as it stands now.
    pub fn of(coverage: &CoverageRow, standing: Option<Standing>, now: Timestamp) -> Self {
        let subscriber = coverage
            .subscriber
            .as_ref()
            .map(|it| SubscriberDocument { name: (&it.name).into(), birth_date: it.birth_date });
        Self {
            id: coverage.id,
            patient_id: coverage.patient_id,
            payer: coverage.payer.clone(),
            subscriber_id: coverage.subscriber_id.as_str().to_owned(),
            relationship: coverage.relationship.as_str(),
            subscriber,
            status: coverage.status.as_str(),
            period: PeriodDocument { start: coverage.period_start, end: coverage.period_end },
            eligibility: EligibilityDocument::of(standing, now),
        }
    }
}

/// One question to an insurer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CheckDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: EligibilityCheckId,
    /// What is checked.
    #[schema(value_type = String, format = Uuid)]
    pub coverage_id: CoverageId,
    /// For which visit; absent for the coverage itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub appointment_id: Option<AppointmentId>,
    /// Who is asked.
    #[schema(value_type = String, example = "00042")]
    pub payer: PayerId,
    /// For which day.
    #[schema(value_type = String, format = Date)]
    pub service_date: Date,
    /// How it stands.
    pub eligibility: EligibilityDocument,
}

impl CheckDocument {
    /// The check as it stands now.
    pub fn of(check: CheckRow, now: Timestamp) -> Self {
        Self {
            id: check.id,
            coverage_id: check.coverage_id,
            appointment_id: check.appointment_id,
            payer: check.payer,
            service_date: check.service_date,
            eligibility: EligibilityDocument::of(Some(check.standing), now),
        }
    }
}
