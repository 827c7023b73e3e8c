//! `POST /v1/emergency-access`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::AuditAction;
use domain::EmergencyAccessId;
use jiff::SignedDuration;
use store::reading::{NewEmergencyAccess, OpenEmergency};

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::emergency::{EmergencyAccessDocument, EmergencyForm};
use crate::extract::{Form, Physician};
use crate::problem::{Problem, ProblemType};

/// Open the chart of a patient who isn't yours, because it can't wait: for a limited time, and for
/// reading only. Every look at it is recorded as an emergency, an administrator reviews it, and the
/// patient sees it.
#[utoipa::path(
    post,
    path = "/v1/emergency-access",
    tag = "patients",
    request_body = EmergencyForm,
    responses((status = CREATED, body = EmergencyAccessDocument))
)]
pub async fn open_emergency_access(
    State(app): State<App>,
    Physician(caller): Physician,
    recorder: Recorder,
    Form(form): Form<EmergencyForm>,
) -> Result<(StatusCode, Json<EmergencyAccessDocument>), Problem> {
    let EmergencyForm { patient_id: patient, reason } = form;
    let now = app.clock.now();
    let id = EmergencyAccessId::generate();
    let new = NewEmergencyAccess {
        id,
        patient,
        reason: reason.as_str(),
        began_at: now,
        expires_at: now + SignedDuration::from_secs(app.settings.emergency_access_s.into()),
        correlation_id: caller.correlation_id,
    };
    let mut change = app.change_as(&caller).await?;
    match change.open_emergency(new).await? {
        OpenEmergency::Opened => {}
        OpenEmergency::NotApproved => {
            return Err(Problem::new(ProblemType::Forbidden)
                .with_detail("only for doctors who are approved"));
        }
        OpenEmergency::InCare => return Err(ProblemType::PatientInCare.into()),
        OpenEmergency::UnknownPatient => return Err(ProblemType::UnknownPatient.into()),
    }
    let opened = change.emergency_access(id).await?.ok_or(ProblemType::Internal)?;
    let note = Note::emergency(AuditAction::Create, patient, Some(&reason)).in_emergency(true);
    recorder.around(note, async { Ok(change.commit().await?) }).await?;
    tracing::warn!(
        emergency_access.id = %id,
        actor.id = %caller.actor.id,
        "a doctor opened a chart in an emergency"
    );
    Ok((StatusCode::CREATED, Json(EmergencyAccessDocument::of(opened, now))))
}
