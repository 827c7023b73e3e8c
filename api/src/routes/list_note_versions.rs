//! `GET /v1/notes/{id}/versions`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::{NoteId, Role};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};
use crate::visits::NoteDocument;

/// All versions of a note, the first one first. None is ever changed or removed.
#[utoipa::path(
    get,
    path = "/v1/notes/{id}/versions",
    tag = "notes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ListDocument<NoteDocument>))
)]
pub async fn list_note_versions(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<NoteId>,
) -> Result<Audited<Json<ListDocument<NoteDocument>>>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let versions = reading.versions_of_note(id).await?;
    let patient = versions.first().ok_or(ProblemType::UnknownNote)?.patient_id;
    let is_emergency = caller.actor.role == Role::Doctor && reading.is_emergency(patient).await?;
    let items = versions.into_iter().map(NoteDocument::from).collect();
    let note = Note::read(ResourceKind::DocumentReference, id.as_uuid(), patient)
        .in_emergency(is_emergency);
    Ok(Audited::new(note, Json(ListDocument { items })))
}
