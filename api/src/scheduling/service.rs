//! A visit type.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use contracts::commands::Seen;
use contracts::{ServiceState, SetService};
use domain::{HealthcareServiceId, Modality, VisitRules};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::ShortText;
use crate::extract::etag;
use crate::problem::{Problem, ProblemType};

/// A visit type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceForm {
    /// What it is called.
    #[schema(value_type = String, example = "First visit")]
    name: ShortText,
    /// Offered by doctors of exactly this specialty; by all when it isn't said.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "cardiology")]
    specialty: Option<ShortText>,
    /// `in-person` or `video`.
    #[schema(value_type = String, example = "in-person")]
    modality: Modality,
    /// How long it lasts: 5 to 480.
    #[schema(example = 50)]
    duration_minutes: i16,
    /// What the doctor needs before it: 0 to 240. May lie outside of opening hours.
    #[serde(default)]
    #[schema(example = 0)]
    buffer_before_minutes: i16,
    /// What the doctor needs after it: 0 to 240. May lie outside of opening hours.
    #[serde(default)]
    #[schema(example = 10)]
    buffer_after_minutes: i16,
    /// Steps in which it may begin, from the beginning of opening hours: 5 to 240.
    #[schema(example = 30)]
    alignment_minutes: i16,
    /// How long before it begins it must be booked at the latest: 0 to 525600.
    #[serde(default)]
    #[schema(example = 120)]
    minimum_notice_minutes: i32,
    /// How many days ahead it can be booked: 1 to 1095.
    #[schema(example = 90)]
    horizon_days: i16,
    /// Whether it can be booked; it can when it isn't said.
    #[serde(default = "yes")]
    active: bool,
}

/// A visit type: FHIR R4 `HealthcareService`, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServiceDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: HealthcareServiceId,
    /// Grows by one with every change; the ETag is this number as `"v1"`.
    pub version: i32,
    /// What it is called.
    #[schema(example = "First visit")]
    pub name: String,
    /// Offered by doctors of exactly this specialty; by all when it isn't said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cardiology")]
    pub specialty: Option<String>,
    /// `in-person` or `video`.
    #[schema(value_type = String, example = "in-person")]
    pub modality: Modality,
    /// How long it lasts.
    pub duration_minutes: i16,
    /// What the doctor needs before it.
    pub buffer_before_minutes: i16,
    /// What the doctor needs after it.
    pub buffer_after_minutes: i16,
    /// Steps in which it may begin, from the beginning of opening hours.
    pub alignment_minutes: i16,
    /// How long before it begins it must be booked at the latest.
    pub minimum_notice_minutes: i32,
    /// How many days ahead it can be booked.
    pub horizon_days: i16,
    /// Whether it can be booked.
    pub active: bool,
}

/// What a form means that doesn't say whether something is active.
pub(super) const fn yes() -> bool {
    true
}

impl ServiceForm {
    /// The command to make it so.
    pub fn command(
        self,
        changed: Option<Seen<HealthcareServiceId>>,
    ) -> Result<SetService, Problem> {
        let command = SetService {
            changed,
            name: self.name.as_str().to_owned(),
            specialty: self.specialty.map(|specialty| specialty.as_str().to_owned()),
            modality: self.modality,
            duration_minutes: self.duration_minutes,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            alignment_minutes: self.alignment_minutes,
            minimum_notice_minutes: self.minimum_notice_minutes,
            horizon_days: self.horizon_days,
            active: self.active,
        };
        VisitRules::new(command.numbers()).map_err(|error| {
            let expected = format!("expected {}", error.expected);
            let pointer = format!("/{}", error.field);
            Problem::new(ProblemType::InvalidBody).at_pointer(&pointer, &expected)
        })?;
        Ok(command)
    }
}

impl From<&ServiceState> for ServiceDocument {
    fn from(state: &ServiceState) -> Self {
        Self {
            id: state.id,
            version: state.version,
            name: state.name.clone(),
            specialty: state.specialty.clone(),
            modality: state.modality,
            duration_minutes: state.duration_minutes,
            buffer_before_minutes: state.buffer_before_minutes,
            buffer_after_minutes: state.buffer_after_minutes,
            alignment_minutes: state.alignment_minutes,
            minimum_notice_minutes: state.minimum_notice_minutes,
            horizon_days: state.horizon_days,
            active: state.active,
        }
    }
}

impl ServiceDocument {
    /// The answer that shows it.
    pub fn shown(self) -> Response {
        ([(ETAG, etag(self.version))], Json(self)).into_response()
    }

    /// The answer to whoever made it.
    pub fn created(self) -> Response {
        let location = format!("/v1/services/{}", self.id);
        (StatusCode::CREATED, [(LOCATION, location)], self.shown()).into_response()
    }
}
