//! `PUT /v1/doctors/{id}/availability`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, Route};
use domain::PractitionerId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Form, Id, IdempotencyKey, Prefer, Scheduler};
use crate::outcome;
use crate::problem::{Problem, ProblemType};
use crate::scheduling::{
    AvailabilityDocument, AvailabilityForm, ChangedAvailabilityDocument, may_set_hours,
};

/// Replace a doctor's opening hours. Visits that are booked stay booked; those that don't fit any
/// more are named.
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
        (status = OK, body = ChangedAvailabilityDocument,
            description = "Replaced, within the wait"),
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
    may_set_hours(&caller, practitioner_id)?;
    let command = form.command(practitioner_id);
    let availability = command.availability().map_err(|error| {
        Problem::new(ProblemType::InvalidAvailability).with_detail(error.to_string())
    })?;
    let command = BookingCommand::SetAvailability(command);
    let route = Route::SetAvailability;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    let document = AvailabilityDocument::new(practitioner_id, &availability);
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Availability { conflicts, .. } => {
            Some(Json(document.changed(conflicts)).into_response())
        }
        _ => None,
    }))
}
