//! The answer, and the refusal to give one.

use std::fmt;

use domain::{BenefitCode, CoverageFinding, RejectClass, RejectReason};
use serde::{Deserialize, Serialize};

use super::X12Date;

/// The body of a `200`. With `errors` it is a refusal all the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EligibilityAnswer {
    /// Names this check: `ec_<uuid>`.
    pub id: String,
    /// The insurer's own number for it.
    pub control_number: String,
    /// Who answers.
    pub payer: Payer,
    /// The member, as the insurer has them.
    pub subscriber: PersonOnFile,
    /// The patient, when that is somebody else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<PersonOnFile>,
    /// Which plan.
    pub plan_information: PlanInformation,
    /// From when till when.
    pub plan_date_information: PlanDates,
    /// What it pays, line by line.
    pub benefits_information: Vec<Benefit>,
    /// Why there is no answer.
    pub errors: Vec<AaaError>,
    /// What else the insurer wants to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl EligibilityAnswer {
    /// What the lines come to; codes that nobody documents are passed over.
    pub fn finding(&self) -> CoverageFinding {
        let codes = self.benefits_information.iter().map(|line| line.code.parse::<BenefitCode>());
        CoverageFinding::of(codes.filter_map(Result::ok))
    }
}

/// An insurer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Payer {
    /// Its name.
    pub name: String,
    /// Its number.
    pub payor_identification: String,
}

/// A person as the insurer has them.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersonOnFile {
    /// The number on the card.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub member_id: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Birth date, `YYYYMMDD`.
    pub date_of_birth: String,
}

impl fmt::Debug for PersonOnFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonOnFile(…)")
    }
}

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanInformation {
    /// Its name.
    pub plan_description: String,
    /// Its group's number.
    pub group_number: String,
}

/// When a plan holds. Insurers also write ranges and other texts into these fields, so they are
/// texts; [`PlanDates::begins`] and [`PlanDates::ends`] read what can be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanDates {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_begin: Option<String>,
    /// Last day; without it, nobody knows of an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_end: Option<String>,
}

impl PlanDates {
    /// The first day, when it is one.
    pub fn begins(&self) -> Option<X12Date> {
        self.plan_begin.as_ref()?.parse().ok()
    }

    /// The last day, when it is one.
    pub fn ends(&self) -> Option<X12Date> {
        self.plan_end.as_ref()?.parse().ok()
    }
}

/// One line of what a plan pays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Benefit {
    /// X12 EB01, see [`BenefitCode`]; insurers send others as well.
    pub code: String,
    /// The code in words.
    pub name: String,
    /// For whom: `Individual`, `Family`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_level: Option<String>,
    /// For what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_type_codes: Vec<String>,
    /// The name of the plan, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_coverage: Option<String>,
    /// Dollars, as a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benefit_amount: Option<String>,
    /// A fraction of one, as a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benefit_percent: Option<String>,
    /// Of which period: `Calendar Year`, `Remaining`, `Visit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_qualifier: Option<String>,
    /// `Y`, `N`, or `W` and `U` for "both" and "unknown".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_plan_network_indicator_code: Option<String>,
    /// Whether the insurer must be asked before treatment: `Y`, `N`, `U`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_or_cert_indicator: Option<String>,
}

/// Why the insurer doesn't answer (X12 segment AAA).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AaaError {
    /// X12 AAA03, see [`RejectReason`]; insurers send others as well.
    pub code: String,
    /// The code in words.
    pub description: String,
    /// `AAA`.
    pub field: String,
    /// What the insurer proposes, in words. "Resubmission Not Allowed" doesn't mean never:
    /// clearinghouses send it for a lost connection, too.
    pub followup_action: String,
    /// The part of the question it is about: `Loop 2100A` payer, `B` provider, `C` subscriber,
    /// `D` dependent.
    pub location: String,
    /// Advice for people; its words change, so don't read them by program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub possible_resolutions: Option<String>,
}

impl AaaError {
    /// The reason, when the code is a documented one.
    pub fn reason(&self) -> Option<RejectReason> {
        self.code.parse().ok()
    }

    /// The class of an error that came with HTTP 200.
    pub fn class(&self) -> RejectClass {
        self.reason().map_or(RejectClass::Unlisted, RejectReason::class)
    }

    /// The class of an error that came with HTTP 400.
    pub fn class_in_bad_request(&self) -> RejectClass {
        self.reason().map_or(RejectClass::Unlisted, RejectReason::class_in_bad_request)
    }
}

/// A remark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Warning {
    /// Its code.
    pub code: String,
    /// In words.
    pub description: String,
}

/// The body of a 4xx or 5xx.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InsurerError {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Reasons, which some 400s give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<AaaError>,
}
