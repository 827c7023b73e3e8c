//! `POST /v1/appointments/{id}/notes`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contracts::{AddNote, Applied, BookingCommand, Route};
use domain::{AppointmentId, NoteText};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Form, Id, IdempotencyKey, Physician, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::WrittenNoteDocument;

/// What a doctor writes down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteForm {
    /// 1 to 10,000 characters.
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub(super) text: NoteText,
}

/// Write a note about one of your visits. Whoever treats the patient reads it, and so does the
/// patient.
#[utoipa::path(
    post,
    path = "/v1/appointments/{id}/notes",
    tag = "notes",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = NoteForm,
    responses(
        (status = CREATED, body = WrittenNoteDocument, description = "Written, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn add_note(
    State(app): State<App>,
    Physician(caller): Physician,
    Id(appointment_id): Id<AppointmentId>,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(NoteForm { text }): Form<NoteForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::AddNote(AddNote { appointment_id, text });
    let route = Route::AddNote;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Note(note) => Some(outcome::written(StatusCode::CREATED, note)),
        _ => None,
    }))
}
