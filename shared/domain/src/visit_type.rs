//! Visit types: how long a visit lasts, what room it needs, and how far ahead it can be booked.
//! FHIR R4 `HealthcareService`, in short.

use jiff::{SignedDuration, Timestamp};

use crate::coded::coded;
use crate::hours::SlotLength;
use crate::ids::HealthcareServiceId;

coded! {
    /// How patient and practitioner meet.
    Modality {
        /// In the same room.
        InPerson = "in-person",
        /// By video: needs no place.
        Video = "video",
    }
}

/// The numbers of a visit type, as they are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitNumbers {
    /// How long the visit lasts: 5 to 480 minutes.
    pub duration_minutes: i16,
    /// What the practitioner needs before it: 0 to 240 minutes.
    pub buffer_before_minutes: i16,
    /// What the practitioner needs after it: 0 to 240 minutes.
    pub buffer_after_minutes: i16,
    /// Steps in which visits may begin, from the beginning of opening hours: 5 to 240 minutes.
    pub alignment_minutes: i16,
    /// How long before it begins it must be booked at the latest: up to 525,600 minutes, a year.
    pub minimum_notice_minutes: i32,
    /// How far ahead it can be booked: 1 to 1,095 days.
    pub horizon_days: i16,
}

/// The rules of a visit type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitRules {
    duration: SignedDuration,
    buffer_before: SignedDuration,
    buffer_after: SignedDuration,
    alignment: SignedDuration,
    minimum_notice: SignedDuration,
    horizon: SignedDuration,
}

/// Why the rules of a visit type are refused: a number is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct InvalidVisitRules {
    /// Which number, by the name of its field.
    pub field: &'static str,
    /// What it has to be.
    pub expected: &'static str,
}

impl VisitRules {
    /// Rules from their numbers.
    pub fn new(numbers: VisitNumbers) -> Result<Self, InvalidVisitRules> {
        let within = |field, value, least: i32, most: i32, expected| {
            let is_within = (least..=most).contains(&value);
            is_within.then_some(()).ok_or(InvalidVisitRules { field, expected })
        };
        let VisitNumbers {
            duration_minutes,
            buffer_before_minutes,
            buffer_after_minutes,
            alignment_minutes,
            minimum_notice_minutes,
            horizon_days,
        } = numbers;
        within("duration_minutes", duration_minutes.into(), 5, 480, "5 to 480")?;
        within("buffer_before_minutes", buffer_before_minutes.into(), 0, 240, "0 to 240")?;
        within("buffer_after_minutes", buffer_after_minutes.into(), 0, 240, "0 to 240")?;
        within("alignment_minutes", alignment_minutes.into(), 5, 240, "5 to 240")?;
        within("minimum_notice_minutes", minimum_notice_minutes, 0, 525_600, "0 to 525600")?;
        within("horizon_days", horizon_days.into(), 1, 1_095, "1 to 1095")?;
        let minutes = |count: i16| SignedDuration::from_mins(count.into());
        Ok(Self {
            duration: minutes(duration_minutes),
            buffer_before: minutes(buffer_before_minutes),
            buffer_after: minutes(buffer_after_minutes),
            alignment: minutes(alignment_minutes),
            minimum_notice: SignedDuration::from_mins(minimum_notice_minutes.into()),
            horizon: SignedDuration::from_hours(24 * i64::from(horizon_days)),
        })
    }

    /// How long the visit lasts.
    pub const fn duration(&self) -> SignedDuration {
        self.duration
    }

    /// What the practitioner needs before it.
    pub const fn buffer_before(&self) -> SignedDuration {
        self.buffer_before
    }

    /// What the practitioner needs after it.
    pub const fn buffer_after(&self) -> SignedDuration {
        self.buffer_after
    }

    /// Steps in which visits may begin, from the beginning of opening hours.
    pub const fn alignment(&self) -> SignedDuration {
        self.alignment
    }

    /// From when on it can be booked by somebody who books `now`.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.minimum_notice).unwrap_or(Timestamp::MAX)
    }

    /// The last moment at which it may begin for somebody who books `now`.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.horizon).unwrap_or(Timestamp::MAX)
    }
}

/// What kind of visit is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitType {
    /// Which visit type; none: the practitioner's standard visit.
    pub id: Option<HealthcareServiceId>,
    /// How patient and practitioner meet.
    pub modality: Modality,
    /// How long, what room, how far ahead.
    pub rules: VisitRules,
}

impl VisitType {
    /// The visit of practitioners with slots of that length: in person, as long as one slot,
    /// beginning where slots begin, without buffers or notice.
    pub fn standard(slot_length: SlotLength, horizon_days: u16) -> Self {
        let length = SignedDuration::from_mins(slot_length.minutes().into());
        let rules = VisitRules {
            duration: length,
            buffer_before: SignedDuration::ZERO,
            buffer_after: SignedDuration::ZERO,
            alignment: length,
            minimum_notice: SignedDuration::ZERO,
            horizon: SignedDuration::from_hours(24 * i64::from(horizon_days)),
        };
        Self { id: None, modality: Modality::InPerson, rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: VisitNumbers = VisitNumbers {
        duration_minutes: 50,
        buffer_before_minutes: 5,
        buffer_after_minutes: 10,
        alignment_minutes: 30,
        minimum_notice_minutes: 120,
        horizon_days: 90,
    };

    #[test]
    fn notice_and_horizon_are_counted_from_now() {
        let rules = VisitRules::new(NUMBERS).unwrap();
        let now: Timestamp = "2027-03-01T08:00:00Z".parse().unwrap();
        assert_eq!(rules.earliest(now).to_string(), "2027-03-01T10:00:00Z");
        assert_eq!(rules.latest(now).to_string(), "2027-05-30T08:00:00Z");
        assert_eq!(rules.latest(Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn a_number_out_of_bounds_is_named() {
        let refused = |numbers| VisitRules::new(numbers).unwrap_err().field;
        let short = VisitNumbers { duration_minutes: 4, ..NUMBERS };
        assert_eq!(refused(short), "duration_minutes");
        let wide = VisitNumbers { buffer_after_minutes: 241, ..NUMBERS };
        assert_eq!(refused(wide), "buffer_after_minutes");
        let never = VisitNumbers { horizon_days: 0, ..NUMBERS };
        assert_eq!(refused(never), "horizon_days");
    }
}
