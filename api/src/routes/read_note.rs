//! `GET /v1/notes/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::{NoteId, Role};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::extract::{Id, Participant, etag};
use crate::problem::{Problem, ProblemType};
use crate::visits::NoteDocument;

/// A note in its latest version. The ETag goes into If-Match of a new one.
#[utoipa::path(
    get,
    path = "/v1/notes/{id}",
    tag = "notes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = NoteDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_note(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<NoteId>,
) -> Result<Audited<Response>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let versions = reading.versions_of_note(id).await?;
    let latest = versions.into_iter().next_back().ok_or(ProblemType::UnknownNote)?;
    let is_emergency =
        caller.actor.role == Role::Doctor && reading.is_emergency(latest.patient_id).await?;
    let note = Note::read(ResourceKind::DocumentReference, id.as_uuid(), latest.patient_id)
        .in_emergency(is_emergency)
        .in_version(latest.version);
    let tag = etag(latest.version);
    let answer = ([(ETAG, tag)], Json(NoteDocument::from(latest))).into_response();
    Ok(Audited::new(note, answer))
}
