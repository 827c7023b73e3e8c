//! The question: is this person covered on that day?

use std::fmt;

use domain::{MemberId, PayerId};
use serde::{Deserialize, Serialize};

use super::X12Date;

/// The body of a `POST` to [`super::ELIGIBILITY_PATH`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EligibilityQuestion {
    /// Which insurer.
    pub trading_partner_service_id: PayerId,
    /// Who asks.
    pub provider: Provider,
    /// The member.
    pub subscriber: Subscriber,
    /// The patient, when that is somebody else than the member: one at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<Dependent>,
    /// For when and what. Without it, the insurer takes today and service type 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encounter: Option<Encounter>,
}

/// The clinic or the practitioner: the national number and one kind of name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// National Provider Identifier.
    pub npi: String,
    /// Name of the clinic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
    /// First name of the practitioner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name of the practitioner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
}

/// The member, by number, name and birth date.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscriber {
    /// The number on the card.
    pub member_id: MemberId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Birth date.
    pub date_of_birth: X12Date,
}

/// A patient who is insured through the member.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependent {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Birth date.
    pub date_of_birth: X12Date,
}

/// For when and what: one day, or a range of days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encounter {
    /// The day of the visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_of_service: Option<X12Date>,
    /// Or the first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning_date_of_service: Option<X12Date>,
    /// And the last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date_of_service: Option<X12Date>,
    /// What kind of service; insurers cope best with one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_type_codes: Vec<String>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscriber(…)")
    }
}

impl fmt::Debug for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dependent(…)")
    }
}
