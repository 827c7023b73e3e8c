//! `POST /v1/holds/{id}/confirm`

use axum::extract::State;
use axum::response::Response;
use contracts::{BookingCommand, Route, SeenAppointment};
use domain::AppointmentId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Booker, Id, IdempotencyKey, IfMatch, Prefer};
use crate::outcome;
use crate::problem::Problem;

/// Make a booked visit of a hold that has not expired. It keeps its id.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}/confirm",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the hold as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    responses(
        (status = OK, body = AppointmentDocument, description = "Booked, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn confirm_hold(
    State(app): State<App>,
    Booker(caller): Booker,
    Id(appointment_id): Id<AppointmentId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
) -> Result<Response, Problem> {
    let command = BookingCommand::Confirm(SeenAppointment { appointment_id, version });
    let route = Route::ConfirmHold;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, outcome::changed_visit))
}
