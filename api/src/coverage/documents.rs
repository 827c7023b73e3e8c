//! How coverages and checks are shown.

use domain::{
    AppointmentId, CoverageFinding, CoverageId, EligibilityCheckId, EligibilityStatus, PatientId,
    PayerId, Person, RejectClass, UserId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::reading::{CheckRow, CoverageRow, Decided, Standing};
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

/// What a person decided where the insurer couldn't say.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DecisionDocument {
    /// `verified_by_phone` or `self_pay`.
    #[schema(example = "verified_by_phone")]
    pub kind: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// The insurer has answered since: see `last_known`. The decision stands all the same; when
    /// the answer says otherwise, the status is `needs_attention` until somebody decides again.
    pub answered_since: bool,
    /// Who decided, for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub decided_by: Option<UserId>,
    /// Why, in their words, for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How something is covered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EligibilityDocument {
    /// `not_checked`, `checking`, `active`, `inactive`, `needs_attention` (a person has to act),
    /// `pending_verification` (nobody knows now, the insurer is asked again; never "not covered"),
    /// or `self_pay`.
    #[schema(example = "pending_verification")]
    pub status: &'static str,
    /// The check that says so, if there is one: it can be asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub check_id: Option<EligibilityCheckId>,
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
    /// What a person decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionDocument>,
}

impl EligibilityDocument {
    /// How it stands now; without a check nobody was asked.
    pub fn of(standing: Option<Standing>, now: Timestamp) -> Self {
        let Some(standing) = standing else {
            return Self {
                status: EligibilityStatus::NotChecked.as_str(),
                check_id: None,
                last_known: None,
                reason: None,
                reason_code: None,
                next_check_at: None,
                decision: None,
            };
        };
        let last_known = |(finding, at): (CoverageFinding, Timestamp)| LastKnownDocument {
            result: finding.as_str(),
            at,
            age_s: now.duration_since(at).as_secs().max(0),
        };
        let answered_at = standing.last_known.map(|(_, at)| at);
        let decision = |decided: Decided| DecisionDocument {
            kind: decided.decision.as_str(),
            decided_at: decided.at,
            answered_since: answered_at.is_some_and(|at| at > decided.at),
            decided_by: None,
            reason: None,
        };
        Self {
            status: standing.status.as_str(),
            check_id: Some(standing.check),
            decision: standing.decision.map(decision),
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
    /// Grows by one with every change; the ETag is this number as `"v1"`.
    pub version: i32,
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
            version: coverage.version,
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
    /// When that begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub visit_start: Option<Timestamp>,
    /// Who is asked.
    #[schema(value_type = String, example = "00042")]
    pub payer: PayerId,
    /// For which day.
    #[schema(value_type = String, format = Date)]
    pub service_date: Date,
    /// Who has to act: `front_desk` (what was said of the patient), or `administrator` (what was
    /// said of the clinic, or where the insurer is asked). Absent while asking again is all there
    /// is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "front_desk")]
    pub who_must_act: Option<&'static str>,
    /// How it stands.
    pub eligibility: EligibilityDocument,
}

/// The class of a check that nobody can ask, because nobody said where.
const NOT_CONFIGURED: &str = "not_configured";

/// Who has to act. What needs attention without a refusal is an insurer that wasn't sure, or that
/// says otherwise than a person has decided.
fn who_must_act(standing: &Standing) -> Option<Person> {
    let class = standing.error_class.as_deref();
    if class == Some(NOT_CONFIGURED) {
        return Some(Person::Administrator);
    }
    let needs = class.and_then(|class| class.parse::<RejectClass>().ok()?.needs());
    let is_for_somebody = standing.status == EligibilityStatus::NeedsAttention;
    is_for_somebody.then(|| needs.unwrap_or(Person::FrontDesk))
}

impl CheckDocument {
    /// The check as it stands now, for whoever asked for it.
    pub fn of(check: CheckRow, now: Timestamp) -> Self {
        Self {
            visit_start: check.visit_start,
            who_must_act: who_must_act(&check.standing).map(Person::as_str),
            id: check.id,
            coverage_id: check.coverage_id,
            appointment_id: check.appointment_id,
            payer: check.payer,
            service_date: check.service_date,
            eligibility: EligibilityDocument::of(Some(check.standing), now),
        }
    }

    /// The same for administrators, who see who decided, and why.
    pub fn with_decider(check: CheckRow, now: Timestamp) -> Self {
        let decided = check.standing.decision.clone();
        let mut document = Self::of(check, now);
        if let (Some(shown), Some(decided)) = (&mut document.eligibility.decision, decided) {
            shown.decided_by = Some(decided.by);
            shown.reason = Some(decided.reason);
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_somebody_who_must_act_or_goes_away_by_itself() {
        let who = |status, class: Option<&str>| {
            who_must_act(&Standing {
                check: EligibilityCheckId::generate(),
                status,
                last_known: None,
                error_class: class.map(str::to_owned),
                error_code: None,
                next_at: None,
                decision: None,
            })
        };
        let attention = |class| who(EligibilityStatus::NeedsAttention, class);
        let pending = |class| who(EligibilityStatus::PendingVerification, class);
        assert_eq!(attention(Some("patient_data")), Some(Person::FrontDesk));
        assert_eq!(attention(Some("provider_or_configuration")), Some(Person::Administrator));
        assert_eq!(attention(None), Some(Person::FrontDesk));
        assert_eq!(pending(Some("not_configured")), Some(Person::Administrator));
        assert_eq!(pending(Some("timeout")), None);
        assert_eq!(pending(Some("breaker_open")), None);
        assert_eq!(who(EligibilityStatus::Active, None), None);
    }
}
