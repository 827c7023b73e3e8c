//! `POST /v1/emergency-access/{id}/review`

use axum::Json;
use axum::extract::State;
use contracts::audit::AuditAction;
use domain::EmergencyAccessId;
use store::reading::ReviewEmergency;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::emergency::{EmergencyAccessDocument, ReviewForm};
use crate::extract::{Administrator, Form, Id};
use crate::problem::{Problem, ProblemType};

/// Write down what you found about a doctor's look at a chart in an emergency. Once.
#[utoipa::path(
    post,
    path = "/v1/emergency-access/{id}/review",
    tag = "patients",
    params(("id" = String, Path, format = Uuid)),
    request_body = ReviewForm,
    responses((status = OK, body = EmergencyAccessDocument))
)]
pub async fn review_emergency_access(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(id): Id<EmergencyAccessId>,
    Form(ReviewForm { note: found }): Form<ReviewForm>,
) -> Result<Json<EmergencyAccessDocument>, Problem> {
    let now = app.clock.now();
    let mut change = app.change_as(&caller).await?;
    match change.review_emergency(id, found.as_str(), now).await? {
        ReviewEmergency::Reviewed => {}
        ReviewEmergency::AlreadyReviewed => return Err(ProblemType::EmergencyReviewed.into()),
        ReviewEmergency::Unknown => return Err(ProblemType::NotFound.into()),
    }
    let reviewed = change.emergency_access(id).await?.ok_or(ProblemType::NotFound)?;
    let note = Note::emergency(AuditAction::Update, reviewed.patient_id, Some(&found));
    recorder.around(note, async { Ok(change.commit().await?) }).await?;
    Ok(Json(EmergencyAccessDocument::of(reviewed, now)))
}
