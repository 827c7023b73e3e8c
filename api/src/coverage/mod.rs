//! Who insures whom, and what insurers said of it.

mod changes;
mod documents;
mod form;
mod reads;

pub use changes::DecisionForm;
pub use documents::{
    CheckDocument, CoverageDocument, EligibilityDocument, ReadAppointmentDocument,
};
pub use form::{CoverageForm, EndCoverageForm};
