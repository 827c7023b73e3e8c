//! `DELETE /v1/doctors/{id}/availability/exceptions/{date}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, Route, SetException};

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{DoctorDate, IdempotencyKey, Prefer, Scheduler};
use crate::outcome;
use crate::problem::Problem;
use crate::scheduling::{ChangedDateDocument, DateDocument, may_set_hours};

/// Let a date be as its day of the week again. Visits that are booked stay booked; those that don't
/// fit any more are named.
#[utoipa::path(
    delete,
    path = "/v1/doctors/{id}/availability/exceptions/{date}",
    tag = "doctors",
    params(
        ("id" = String, Path, format = Uuid),
        ("date" = String, Path, format = Date, description = "By the doctor's wall clock"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    responses(
        (status = OK, body = ChangedDateDocument, description = "Done, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn remove_exceptions(
    State(app): State<App>,
    Scheduler(caller): Scheduler,
    DoctorDate { practitioner_id, date }: DoctorDate,
    key: IdempotencyKey,
    prefer: Prefer,
) -> Result<Response, Problem> {
    may_set_hours(&caller, practitioner_id)?;
    let command = SetException { practitioner_id, date, entries: Vec::new() };
    let command = BookingCommand::SetException(command);
    let route = Route::SetException;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Exception { conflicts, .. } => {
            Some(Json(DateDocument::new(date, None).changed(conflicts)).into_response())
        }
        _ => None,
    }))
}
