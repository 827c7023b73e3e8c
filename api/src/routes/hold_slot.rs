//! `POST /v1/holds`

use axum::extract::State;
use axum::response::Response;
use contracts::{Applied, BookingCommand, Route};

use super::book_appointment::{BookingForm, booked};
use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Booker, Form, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::Problem;

/// Hold a time for a few minutes, while somebody makes up their mind: a visit in status `pending`.
/// Nobody else gets that time until `expires_at`; after it the hold counts for nothing, by itself.
#[utoipa::path(
    post,
    path = "/v1/holds",
    tag = "appointments",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = BookingForm,
    responses(
        (status = CREATED, body = AppointmentDocument, description = "Held, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn hold_slot(
    State(app): State<App>,
    booker: Booker,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<BookingForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::Hold(form.booking(booker)?);
    let Booker(caller) = booker;
    let route = Route::HoldSlot;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Appointment(state) => Some(booked(state)),
        _ => None,
    }))
}
