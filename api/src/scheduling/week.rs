//! A doctor's week.

use contracts::commands::{Day, WeeklyHours};
use contracts::{Conflicts, SetAvailability};
use domain::{Availability, HealthcareServiceId, LocationId, PractitionerId};
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConflictsDocument, wall_time};
use crate::extract::text;

/// A doctor's week, to replace the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityForm {
    /// IANA name of the zone whose wall clock the hours follow.
    #[schema(example = "America/Sao_Paulo")]
    time_zone: String,
    /// How long a slot lasts, which is how long a standard visit lasts: 5 to 240, in steps of 5.
    slot_minutes: i16,
    /// Opening hours; none means not bookable.
    hours: Vec<HoursDocument>,
}

/// A doctor's week.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AvailabilityDocument {
    /// Whose.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// IANA name of the zone whose wall clock the hours follow.
    #[schema(example = "America/Sao_Paulo")]
    pub time_zone: String,
    /// How long a slot lasts.
    pub slot_minutes: i16,
    /// Opening hours, by day and time.
    pub hours: Vec<HoursDocument>,
}

/// A doctor's new week, and what doesn't fit into it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedAvailabilityDocument {
    /// The week.
    #[serde(flatten)]
    pub availability: AvailabilityDocument,
    /// Booked visits that don't fit any more. They stay booked.
    pub conflicts: ConflictsDocument,
}

/// Open from `start` to `end` on one day of every week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursDocument {
    /// `mon` to `sun`.
    #[schema(value_type = String, example = "mon")]
    pub day: Day,
    /// By the wall clock.
    #[schema(value_type = String, example = "09:00")]
    #[serde(serialize_with = "wall_time::start", deserialize_with = "text::time")]
    pub start: Time,
    /// By the wall clock; `24:00` is the end of the day.
    #[schema(value_type = String, example = "17:00")]
    #[serde(serialize_with = "wall_time::end", deserialize_with = "wall_time::read_end")]
    pub end: Time,
    /// Where the doctor is then, unless there is one place only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub location_id: Option<LocationId>,
    /// The visit types that can be booked then; none named: all, and standard visits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub service_ids: Vec<HealthcareServiceId>,
}

impl AvailabilityForm {
    /// The command to make it so.
    pub fn command(self, practitioner_id: PractitionerId) -> SetAvailability {
        let hours = self.hours.into_iter().map(|hours| WeeklyHours {
            day: hours.day,
            start: hours.start,
            end: hours.end,
            location_id: hours.location_id,
            service_ids: hours.service_ids,
        });
        SetAvailability {
            practitioner_id,
            time_zone: self.time_zone,
            slot_minutes: self.slot_minutes,
            hours: hours.collect(),
        }
    }
}

impl AvailabilityDocument {
    /// Of that doctor.
    pub fn new(practitioner_id: PractitionerId, availability: &Availability) -> Self {
        let hours = availability.hours().iter().map(|one| HoursDocument {
            day: one.weekday.into(),
            start: one.hours.start,
            end: one.hours.end,
            location_id: one.hours.location_id,
            service_ids: one.hours.service_ids.clone(),
        });
        Self {
            practitioner_id,
            time_zone: availability.zone_name().to_owned(),
            slot_minutes: availability.slot_length().minutes(),
            hours: hours.collect(),
        }
    }

    /// With the visits that don't fit into it.
    pub fn changed(self, conflicts: &Conflicts) -> ChangedAvailabilityDocument {
        ChangedAvailabilityDocument { availability: self, conflicts: conflicts.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_read_back_and_are_short() {
        for (start, end) in [("09:00", "17:30:15"), ("18:00", "24:00")] {
            let json = json!({ "day": "mon", "start": start, "end": end });
            let hours: HoursDocument = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(&hours).unwrap(), json);
        }
        let midnight = json!({ "day": "mon", "start": "24:00", "end": "24:00" });
        assert!(serde_json::from_value::<HoursDocument>(midnight).is_err(), "nothing begins there");
    }
}
