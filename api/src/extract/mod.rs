//! What handlers take from a request, and the problems of requests that don't have it.

mod body;
mod caller;
mod doctor_date;
mod enrolling;
mod id;
mod idempotency_key;
mod if_match;
mod instant;
mod origin;
mod page;
mod payer;
mod prefer;
mod query;
pub mod text;

pub use body::Form;
pub use caller::{
    Administrator, Anonymous, Booker, Caller, Clinician, Maintainer, Participant, Physician,
    Scheduler, Themselves,
};
pub use doctor_date::{DoctorDate, parse_date};
pub use enrolling::{Enrolling, Session, is_staff};
pub use id::Id;
pub use idempotency_key::IdempotencyKey;
pub use if_match::{IfMatch, etag};
pub use instant::{AN_INSTANT, is_instant, parse_instant};
pub use origin::Origin;
pub use page::Page;
pub use payer::Payer;
pub use prefer::Prefer;
pub use query::QueryParameters;

/// What is expected of a modality, for those who gave something else.
pub const A_MODALITY: &str = "in-person or video";
