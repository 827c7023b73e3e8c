//! Forms and documents of what can be booked: places, visit types, hours, and dates that differ.

mod conflicts;
mod date;
mod location;
mod service;
pub mod wall_time;
mod week;

pub use conflicts::ConflictsDocument;
pub use date::{ChangedDateDocument, DateDocument, DateForm};
pub use location::{LocationDocument, LocationForm};
pub use service::{ServiceDocument, ServiceForm};
pub use week::{AvailabilityDocument, AvailabilityForm, ChangedAvailabilityDocument};

use domain::{PractitionerId, Role};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// A date that is over everywhere, or nearly so.
pub fn first_date(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date().saturating_sub(2.days())
}

/// Fails when a doctor wants to change another one's hours.
pub fn may_set_hours(caller: &Caller, practitioner: PractitionerId) -> Result<(), Problem> {
    let is_own = PractitionerId::from(caller.actor.id) == practitioner;
    if caller.actor.role == Role::Doctor && !is_own {
        let refusal = Problem::new(ProblemType::Forbidden);
        return Err(refusal.with_detail("doctors change their own hours only"));
    }
    Ok(())
}
