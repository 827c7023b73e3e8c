//! Opening hours on a wall clock: of a day of the week, or of a date that differs from it.

use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::ids::{HealthcareServiceId, LocationId};

/// Entries of a week at most.
pub(crate) const MAX_HOURS: usize = 50;

/// Entries of a date at most.
const MAX_EXCEPTIONS: usize = 20;

/// Visit types that one entry may name.
pub(crate) const MAX_SERVICES: usize = 50;

/// How long one slot lasts, in minutes: 5 to 240, a multiple of 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct SlotLength(i16);

impl SlotLength {
    /// Minutes.
    pub const fn minutes(self) -> i16 {
        self.0
    }

    pub(crate) fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
}

impl TryFrom<i16> for SlotLength {
    type Error = InvalidAvailability;

    fn try_from(minutes: i16) -> Result<Self, Self::Error> {
        let valid = (5..=240).contains(&minutes) && minutes % 5 == 0;
        if valid { Ok(Self(minutes)) } else { Err(InvalidAvailability::SlotLength) }
    }
}

impl From<SlotLength> for i16 {
    fn from(length: SlotLength) -> Self {
        length.0
    }
}

/// From when till when, by the wall clock of one day; and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Visits may begin here.
    pub start: Time,
    /// No visit ends after this. Midnight is the end of the day.
    pub end: Time,
    /// Where the practitioner is then, unless nobody has to know.
    pub location_id: Option<LocationId>,
    /// The visit types that can be booked then; none named: all that the practitioner offers.
    pub service_ids: Vec<HealthcareServiceId>,
}

/// Open on one day of every week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningHours {
    /// The day, by the practitioner's wall clock.
    pub weekday: Weekday,
    /// When, and for what.
    pub hours: Hours,
}

coded! {
    /// How a date differs from its day of the week.
    ExceptionKind {
        /// The week's hours don't count then.
        Closed = "closed",
        /// Open as well, whatever else the date says.
        Open = "open",
    }
}

/// One way in which a date differs from its day of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Closed, or open as well.
    pub kind: ExceptionKind,
    /// When; and, while open, for what.
    pub hours: Hours,
}

/// Everything in which one date differs from its day of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

/// Why hours are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAvailability {
    /// The zone is not in the IANA database.
    #[error("unknown time zone: expected an IANA name like America/Sao_Paulo")]
    Zone,
    /// Slots of that length aren't offered.
    #[error("a slot lasts 5 to 240 minutes, in steps of 5")]
    SlotLength,
    /// Opening hours too short for a single slot, or ending before they begin.
    #[error("opening hours must end at least one slot after they begin, on the same day")]
    TooShort,
    /// Two opening hours of a day overlap.
    #[error("opening hours of the same day overlap")]
    Overlap,
    /// More entries than a week can sensibly have.
    #[error("at most 50 opening hours a week")]
    TooMany,
    /// More visit types than an entry can sensibly name.
    #[error("at most 50 visit types for one entry")]
    TooManyServices,
    /// A date without entries, or with more than it can sensibly have.
    #[error("1 to 20 exceptions on one date")]
    CountOfExceptions,
    /// An exception that ends before it begins.
    #[error("an exception must end after it begins, on the same day")]
    ExceptionTooShort,
    /// Two exceptions of one kind overlap.
    #[error("exceptions of the same kind overlap")]
    ExceptionsOverlap,
    /// A closed time says where or for what.
    #[error("a closed time is closed everywhere and for every visit type")]
    ClosedForSome,
}

impl Hours {
    /// All day, for everything: what an exception means that doesn't say when.
    pub const fn all_day() -> Self {
        Self {
            start: Time::midnight(),
            end: Time::midnight(),
            location_id: None,
            service_ids: Vec::new(),
        }
    }

    pub(crate) fn begins(&self) -> SignedDuration {
        Time::midnight().duration_until(self.start)
    }

    pub(crate) fn ends(&self) -> SignedDuration {
        if self.end == Time::midnight() {
            SignedDuration::from_hours(24)
        } else {
            Time::midnight().duration_until(self.end)
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.begins() < other.ends() && other.begins() < self.ends()
    }

    /// Whether such visits can be booked then. A standard visit can where no visit type is named.
    pub(crate) fn offers(&self, service: Option<HealthcareServiceId>) -> bool {
        self.service_ids.is_empty() || service.is_some_and(|id| self.service_ids.contains(&id))
    }

    /// Whether somebody who wants to go there is served; nobody in particular goes anywhere.
    pub(crate) fn is_at(&self, place: Option<LocationId>) -> bool {
        place.is_none() || self.location_id == place
    }
}

impl Exceptions {
    /// The exceptions of a date.
    pub fn new(mut exceptions: Vec<Exception>) -> Result<Self, InvalidAvailability> {
        if !(1..=MAX_EXCEPTIONS).contains(&exceptions.len()) {
            return Err(InvalidAvailability::CountOfExceptions);
        }
        exceptions.sort_by_key(|one| (one.kind.as_str(), one.hours.start));
        for Exception { kind, hours } in &exceptions {
            if hours.begins() >= hours.ends() {
                return Err(InvalidAvailability::ExceptionTooShort);
            }
            if hours.service_ids.len() > MAX_SERVICES {
                return Err(InvalidAvailability::TooManyServices);
            }
            let is_for_all = hours.location_id.is_none() && hours.service_ids.is_empty();
            if *kind == ExceptionKind::Closed && !is_for_all {
                return Err(InvalidAvailability::ClosedForSome);
            }
        }
        let overlap = |pair: &[Exception]| {
            pair[0].kind == pair[1].kind && pair[0].hours.overlaps(&pair[1].hours)
        };
        if exceptions.windows(2).any(overlap) {
            return Err(InvalidAvailability::ExceptionsOverlap);
        }
        Ok(Self(exceptions))
    }

    /// Each of them, the closed ones first.
    pub fn entries(&self) -> &[Exception] {
        &self.0
    }

    pub(crate) fn hours(&self, kind: ExceptionKind) -> impl Iterator<Item = &Hours> {
        self.0.iter().filter(move |one| one.kind == kind).map(|one| &one.hours)
    }
}
