//! `POST /v1/appointments/{id}/undo`

use axum::extract::State;
use axum::response::Response;
use contracts::{BookingCommand, Route, SeenAppointment};
use domain::AppointmentId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Id, IdempotencyKey, IfMatch, Prefer, Scheduler};
use crate::outcome;
use crate::problem::Problem;

/// Take the last status of a visit back: its doctor and administrators. A visit that was called off,
/// or that its patient missed, takes its time again, if nobody else has it.
#[utoipa::path(
    post,
    path = "/v1/appointments/{id}/undo",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the visit as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    responses(
        (status = OK, body = AppointmentDocument, description = "Taken back, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn undo_appointment_status(
    State(app): State<App>,
    Scheduler(caller): Scheduler,
    Id(appointment_id): Id<AppointmentId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
) -> Result<Response, Problem> {
    let command = BookingCommand::UndoStatus(SeenAppointment { appointment_id, version });
    let route = Route::UndoAppointmentStatus;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, outcome::changed_visit))
}
