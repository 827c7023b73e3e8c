//! `GET /v1/doctors/{id}/availability`

use axum::Json;
use axum::extract::State;
use contracts::commands::Day;
use domain::{Availability, PractitionerId};
use jiff::civil::Time;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Caller, Id, text};
use crate::problem::{Problem, ProblemType};

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

/// Open from `start` to `end` on one day of every week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursDocument {
    /// `mon` to `sun`.
    #[schema(value_type = String, example = "mon")]
    pub day: Day,
    /// By the wall clock.
    #[schema(value_type = String, example = "09:00")]
    #[serde(serialize_with = "without_zero_seconds", deserialize_with = "text::time")]
    pub start: Time,
    /// By the wall clock.
    #[schema(value_type = String, example = "17:00")]
    #[serde(serialize_with = "without_zero_seconds", deserialize_with = "text::time")]
    pub end: Time,
}

impl AvailabilityDocument {
    /// Of that doctor.
    pub fn new(practitioner_id: PractitionerId, availability: &Availability) -> Self {
        let hours = availability.hours().iter().map(|hours| HoursDocument {
            day: hours.weekday.into(),
            start: hours.start,
            end: hours.end,
        });
        Self {
            practitioner_id,
            time_zone: availability.zone_name().to_owned(),
            slot_minutes: availability.slot_length().minutes(),
            hours: hours.collect(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn without_zero_seconds<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    let is_plain = time.second() == 0 && time.subsec_nanosecond() == 0;
    if is_plain {
        serializer.collect_str(&format_args!("{:02}:{:02}", time.hour(), time.minute()))
    } else {
        serializer.collect_str(time)
    }
}

/// When a doctor works.
#[utoipa::path(
    get,
    path = "/v1/doctors/{id}/availability",
    tag = "doctors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = AvailabilityDocument))
)]
pub async fn read_availability(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PractitionerId>,
) -> Result<Json<AvailabilityDocument>, Problem> {
    let known = app.read_as(&caller).await?.availability(id).await?;
    let known = known.ok_or(ProblemType::UnknownPractitioner)?;
    let availability = known.ok_or_else(|| {
        Problem::new(ProblemType::NotFound).with_detail("this doctor has no opening hours yet")
    })?;
    Ok(Json(AvailabilityDocument::new(id, &availability)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_read_back_and_are_short() {
        let json = json!({ "day": "mon", "start": "09:00", "end": "17:30:15" });
        let hours: HoursDocument = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&hours).unwrap(), json);
    }
}
