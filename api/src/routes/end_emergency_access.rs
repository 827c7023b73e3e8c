//! `POST /v1/emergency-access/{id}/end`

use axum::Json;
use axum::extract::State;
use contracts::audit::AuditAction;
use domain::EmergencyAccessId;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::emergency::EmergencyAccessDocument;
use crate::extract::{Id, Physician};
use crate::problem::{Problem, ProblemType};

/// Close a chart that you opened in an emergency. Doing it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/emergency-access/{id}/end",
    tag = "patients",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = EmergencyAccessDocument))
)]
pub async fn end_emergency_access(
    State(app): State<App>,
    Physician(caller): Physician,
    recorder: Recorder,
    Id(id): Id<EmergencyAccessId>,
) -> Result<Json<EmergencyAccessDocument>, Problem> {
    let now = app.clock.now();
    let mut change = app.change_as(&caller).await?;
    if !change.end_emergency(id, now).await? {
        return Err(ProblemType::NotFound.into());
    }
    let ended = change.emergency_access(id).await?.ok_or(ProblemType::NotFound)?;
    let note = Note::emergency(AuditAction::Update, ended.patient_id, None).in_emergency(true);
    recorder.around(note, async { Ok(change.commit().await?) }).await?;
    Ok(Json(EmergencyAccessDocument::of(ended, now)))
}
