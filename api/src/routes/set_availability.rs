//! `PUT /v1/doctors/{id}/availability`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::commands::WeeklyHours;
use contracts::{Applied, BookingCommand, Route, SetAvailability};
use domain::{PractitionerId, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use super::read_availability::{AvailabilityDocument, HoursDocument};
use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Form, Id, IdempotencyKey, Prefer, Scheduler};
use crate::outcome;
use crate::problem::{Problem, ProblemType};

/// A doctor's week, to replace the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityForm {
    /// IANA name of the zone whose wall clock the hours follow.
    #[schema(example = "America/Sao_Paulo")]
    time_zone: String,
    /// How long a slot lasts: 5 to 240, in steps of 5.
    slot_minutes: i16,
    /// Opening hours; none means not bookable.
    hours: Vec<HoursDocument>,
}

/// Replace a doctor's opening hours. Visits that are booked stay booked.
#[utoipa::path(
    put,
    path = "/v1/doctors/{id}/availability",
    tag = "doctors",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = AvailabilityForm,
    responses(
        (status = OK, body = AvailabilityDocument, description = "Replaced, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn set_availability(
    State(app): State<App>,
    Scheduler(caller): Scheduler,
    Id(practitioner_id): Id<PractitionerId>,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<AvailabilityForm>,
) -> Result<Response, Problem> {
    let is_own = PractitionerId::from(caller.actor.id) == practitioner_id;
    if caller.actor.role == Role::Doctor && !is_own {
        let refusal = Problem::new(ProblemType::Forbidden);
        return Err(refusal.with_detail("doctors change their own hours only"));
    }
    let command = command(practitioner_id, form);
    let availability = command.availability().map_err(|error| {
        Problem::new(ProblemType::InvalidAvailability).with_detail(error.to_string())
    })?;
    let command = BookingCommand::SetAvailability(command);
    let route = Route::SetAvailability;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Availability { .. } => {
            Some(Json(AvailabilityDocument::new(practitioner_id, &availability)).into_response())
        }
        _ => None,
    }))
}

fn command(practitioner_id: PractitionerId, form: AvailabilityForm) -> SetAvailability {
    let hours = form.hours.into_iter().map(|hours| WeeklyHours {
        day: hours.day,
        start: hours.start,
        end: hours.end,
    });
    SetAvailability {
        practitioner_id,
        time_zone: form.time_zone,
        slot_minutes: form.slot_minutes,
        hours: hours.collect(),
    }
}
