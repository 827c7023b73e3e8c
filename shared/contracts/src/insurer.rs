//! What the eligibility worker and an insurer say to each other: JSON over HTTP, in the shape of
//! Stedi's real-time eligibility API (X12 270/271 with names).
//!
//! A question is written strictly. An answer is read leniently, because insurers send more than
//! anybody documents, and leave out the rest: every field has a default and unknown ones pass.
//! `Debug` shows nothing that identifies a person.

mod answer;
mod question;
mod x12_date;

pub use answer::{
    AaaError, Benefit, EligibilityAnswer, InsurerError, Payer, PersonOnFile, PlanDates,
    PlanInformation, Warning,
};
pub use question::{Dependent, EligibilityQuestion, Encounter, Provider, Subscriber};
pub use x12_date::{InvalidDate, X12Date};

use domain::RejectClass;

/// Where a question is posted, below the insurer's base URL.
pub const ELIGIBILITY_PATH: &str = "/change/medicalnetwork/eligibility/v3";

/// The service type that asks for "is there coverage, and what does it pay in general".
pub const HEALTH_BENEFIT_PLAN_COVERAGE: &str = "30";

/// What an HTTP status says when the body names no reason; nothing for a status that is no
/// refusal (2xx, 3xx).
///
/// 429, 503 and 504 are as `domain::reject_reason` has them. The other 5xx are taken for a payer
/// that is down as well, and the other 4xx for a fault in what we send or are set up with.
pub const fn class_of_status(status: u16) -> Option<RejectClass> {
    match status {
        429 => Some(RejectClass::OwnLimit),
        400..=499 => Some(RejectClass::ProviderOrConfiguration),
        500..=599 => Some(RejectClass::PayerDown),
        _ => None,
    }
}
