//! A coverage to be added.

use domain::{CoverageId, CoverageStatus, HumanName, MemberId, PatientId, PayerId, Relationship};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::Deserialize;
use store::reading::{CoverageRow, SubscriberRow};
use utoipa::ToSchema;

use crate::documents::NameDocument;
use crate::problem::{Problem, ProblemType};

/// Dates before and after make no sense for people and plans.
const DATES: std::ops::RangeInclusive<Date> = date(1890, 1, 1)..=date(2200, 1, 1);

/// A coverage to be added, or as it should have been: FHIR R4 `Coverage`, in short.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageForm {
    /// The insurer's number, as text: `00123` is not `123`.
    #[schema(value_type = String, example = "00042")]
    payer: PayerId,
    /// The member number on the card.
    #[schema(value_type = String)]
    subscriber_id: MemberId,
    /// What the patient is to the subscriber: `self` (the default), `spouse`, `child`, `parent`,
    /// `common`, `other` or `injured`.
    #[serde(default = "own")]
    #[schema(value_type = Option<String>, example = "self")]
    relationship: Relationship,
    /// The subscriber, when that is not the patient.
    subscriber: Option<SubscriberForm>,
    /// From when till when, as far as somebody knows.
    #[serde(default)]
    period: PeriodForm,
}

/// Who is insured, when the patient is insured through them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriberForm {
    /// What they are called.
    #[schema(value_type = NameDocument)]
    name: HumanName,
    /// When they were born.
    #[schema(value_type = String, format = Date)]
    birth_date: Date,
}

/// From when till when.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PeriodForm {
    /// First day.
    #[schema(value_type = Option<String>, format = Date)]
    start: Option<Date>,
    /// Last day.
    #[schema(value_type = Option<String>, format = Date)]
    end: Option<Date>,
}

fn own() -> Relationship {
    Relationship::SelfSubscriber
}

/// When a coverage ends.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndCoverageForm {
    /// The last day that it covers. Without one it ends at once.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    last_day: Option<Date>,
}

impl EndCoverageForm {
    /// The last day, if it is one that a plan can have.
    pub fn last_day(self) -> Result<Option<Date>, InvalidCoverage> {
        match self.last_day {
            Some(day) if !DATES.contains(&day) => Err(InvalidCoverage {
                pointer: "/last_day",
                detail: "expected a date that a plan can end with",
            }),
            day => Ok(day),
        }
    }
}

/// What in a form doesn't fit together: a pointer and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCoverage {
    /// JSON pointer.
    pub pointer: &'static str,
    /// What was expected. Quotes nothing.
    pub detail: &'static str,
}

impl From<InvalidCoverage> for Problem {
    fn from(invalid: InvalidCoverage) -> Self {
        Self::new(ProblemType::InvalidBody).at_pointer(invalid.pointer, invalid.detail)
    }
}

impl CoverageForm {
    /// The coverage that is meant.
    pub fn coverage(
        self,
        patient_id: PatientId,
        created_at: Timestamp,
    ) -> Result<CoverageRow, InvalidCoverage> {
        let refuse = |pointer, detail| Err(InvalidCoverage { pointer, detail });
        let is_own = self.relationship == Relationship::SelfSubscriber;
        if is_own && self.subscriber.is_some() {
            return refuse("/subscriber", "only when relationship is not self");
        }
        if !is_own && self.subscriber.is_none() {
            return refuse("/subscriber", "required unless relationship is self");
        }
        let PeriodForm { start, end } = self.period;
        let is_odd = |day: Option<Date>| day.is_some_and(|day| !DATES.contains(&day));
        if is_odd(start) || is_odd(end) || start.zip(end).is_some_and(|(start, end)| end < start) {
            return refuse("/period", "expected an end that doesn't come before the start");
        }
        if is_odd(self.subscriber.as_ref().map(|it| it.birth_date)) {
            return refuse("/subscriber/birth_date", "expected a date in living memory");
        }
        Ok(CoverageRow {
            id: CoverageId::generate(),
            version: 1,
            patient_id,
            payer: self.payer,
            subscriber_id: self.subscriber_id,
            relationship: self.relationship,
            subscriber: self
                .subscriber
                .map(|it| SubscriberRow { name: it.name, birth_date: it.birth_date }),
            status: CoverageStatus::Active,
            period_start: start,
            period_end: end,
            created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(form: serde_json::Value) -> Result<CoverageRow, &'static str> {
        let form: CoverageForm = serde_json::from_value(form).map_err(|_| "form")?;
        form.coverage(PatientId::generate(), Timestamp::UNIX_EPOCH).map_err(|it| it.pointer)
    }

    #[test]
    fn a_subscriber_is_named_exactly_when_it_is_somebody_else() {
        let own = json!({ "payer": "00042", "subscriber_id": "M-1" });
        assert_eq!(read(own).unwrap().relationship, Relationship::SelfSubscriber);
        let somebody =
            json!({ "name": { "given": "A", "family": "B" }, "birth_date": "1980-02-29" });
        let child = json!({
            "payer": "1", "subscriber_id": "M", "relationship": "child", "subscriber": somebody,
        });
        assert!(read(child).unwrap().subscriber.is_some());
        let nobody = json!({ "payer": "1", "subscriber_id": "M", "relationship": "child" });
        assert_eq!(read(nobody).unwrap_err(), "/subscriber");
        let both = json!({ "payer": "1", "subscriber_id": "M", "subscriber": somebody });
        assert_eq!(read(both).unwrap_err(), "/subscriber");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let with = |field: &str, value: serde_json::Value| {
            let mut form = json!({ "payer": "1", "subscriber_id": "M" });
            form[field] = value;
            read(form).unwrap_err()
        };
        let backwards = json!({ "start": "2027-02-01", "end": "2027-01-01" });
        assert_eq!(with("period", backwards), "/period");
        assert_eq!(with("payer", json!("a b")), "form");
        assert_eq!(with("subscriber_id", json!("")), "form");
        assert_eq!(with("relationship", json!("cousin")), "form");
        assert_eq!(with("status", json!("cancelled")), "form");
    }
}
