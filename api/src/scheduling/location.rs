//! A place where patients come.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use contracts::commands::Seen;
use contracts::{LocationState, SetLocation};
use domain::LocationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::service::yes;
use crate::account::ShortText;
use crate::extract::etag;
use crate::problem::{Problem, ProblemType};

/// A place where patients come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationForm {
    /// What it is called.
    #[schema(value_type = String, example = "Downtown")]
    name: ShortText,
    /// IANA name of the zone whose wall clock hangs there.
    #[schema(example = "America/Sao_Paulo")]
    time_zone: String,
    /// Whether visits can be booked there; they can when it isn't said.
    #[serde(default = "yes")]
    active: bool,
}

/// A place where patients come: FHIR R4 `Location`, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LocationDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: LocationId,
    /// Grows by one with every change; the ETag is this number as `"v1"`.
    pub version: i32,
    /// What it is called.
    #[schema(example = "Downtown")]
    pub name: String,
    /// IANA name of the zone whose wall clock hangs there.
    #[schema(example = "America/Sao_Paulo")]
    pub time_zone: String,
    /// Whether visits can be booked there.
    pub active: bool,
}

impl LocationForm {
    /// The command to make it so.
    pub fn command(self, changed: Option<Seen<LocationId>>) -> Result<SetLocation, Problem> {
        let Self { name, time_zone, active } = self;
        let command = SetLocation { changed, name: name.as_str().to_owned(), time_zone, active };
        if command.location(LocationId::generate(), 1).is_none() {
            let expected = "expected an IANA name like America/Sao_Paulo";
            let refusal = Problem::new(ProblemType::InvalidBody);
            return Err(refusal.at_pointer("/time_zone", expected));
        }
        Ok(command)
    }
}

impl From<&LocationState> for LocationDocument {
    fn from(state: &LocationState) -> Self {
        let LocationState { id, version, name, time_zone, active } = state.clone();
        Self { id, version, name, time_zone, active }
    }
}

impl LocationDocument {
    /// The answer that shows it.
    pub fn shown(self) -> Response {
        ([(ETAG, etag(self.version))], Json(self)).into_response()
    }

    /// The answer to whoever made it.
    pub fn created(self) -> Response {
        let location = format!("/v1/locations/{}", self.id);
        (StatusCode::CREATED, [(LOCATION, location)], self.shown()).into_response()
    }
}
