//! `GET /v1/appointments/{id}/notes`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::{AppointmentId, Role};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};
use crate::visits::NoteDocument;

/// The notes about a visit, each in its latest version: for the patient, the doctors who treat them,
/// and administrators.
#[utoipa::path(
    get,
    path = "/v1/appointments/{id}/notes",
    tag = "notes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ListDocument<NoteDocument>))
)]
pub async fn list_notes(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<AppointmentId>,
) -> Result<Audited<Json<ListDocument<NoteDocument>>>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let notes = reading.notes_of_appointment(id).await?;
    // A doctor may read the notes of a visit that was another's.
    let patient = if let Some(note) = notes.first() {
        note.patient_id
    } else {
        let visit = reading.appointment(id).await?;
        visit.ok_or(ProblemType::UnknownAppointment)?.patient_id
    };
    let is_emergency = caller.actor.role == Role::Doctor && reading.is_emergency(patient).await?;
    let items = notes.into_iter().map(NoteDocument::from).collect();
    let note = Note::search(ResourceKind::DocumentReference, [patient]).in_emergency(is_emergency);
    Ok(Audited::new(note, Json(ListDocument { items })))
}
