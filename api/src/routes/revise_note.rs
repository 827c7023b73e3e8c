//! `PUT /v1/notes/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contracts::{Applied, BookingCommand, ReviseNote, Route};
use domain::NoteId;

use super::add_note::NoteForm;
use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Form, Id, IdempotencyKey, IfMatch, Physician, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::WrittenNoteDocument;

/// Write a new version of a note of yours. Those before it stay, and can be read.
#[utoipa::path(
    put,
    path = "/v1/notes/{id}",
    tag = "notes",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the note as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = NoteForm,
    responses(
        (status = OK, body = WrittenNoteDocument, description = "Written, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn revise_note(
    State(app): State<App>,
    Physician(caller): Physician,
    Id(note_id): Id<NoteId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(NoteForm { text }): Form<NoteForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::ReviseNote(ReviseNote { note_id, version, text });
    let route = Route::ReviseNote;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Note(note) => Some(outcome::written(StatusCode::OK, note)),
        _ => None,
    }))
}
