//! Who insures whom, and what insurers said of it.

mod documents;
mod form;
mod reads;

pub use documents::{
    CheckDocument, CoverageDocument, EligibilityDocument, ReadAppointmentDocument,
};
pub use form::CoverageForm;
