//! `POST /v1/admin/doctors/{id}/approve`

use axum::Json;
use axum::extract::State;
use contracts::audit::{AuditAction, ResourceKind};
use domain::PractitionerId;

use super::create_doctor::DoctorDocument;
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Administrator, Id};
use crate::problem::{Problem, ProblemType};

/// Approve a doctor, who can be booked from then on. Doing it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/admin/doctors/{id}/approve",
    tag = "administration",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = DoctorDocument))
)]
pub async fn approve_doctor(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(id): Id<PractitionerId>,
) -> Result<Json<DoctorDocument>, Problem> {
    let accounts = app.accounts.within(caller.correlation_id);
    let note = Note::administration(AuditAction::Update, ResourceKind::Practitioner, id.into());
    let approving = async {
        let approval = accounts.approve_practitioner(id, caller.actor.id, app.clock.now()).await?;
        approval.ok_or_else(|| ProblemType::UnknownPractitioner.into())
    };
    let approval = recorder.around(note, approving).await?;
    tracing::info!(practitioner.id = %id, "a practitioner was approved");
    let document = DoctorDocument {
        id,
        name: (&approval.name).into(),
        specialty: approval.specialty,
        licence: approval.licence,
        approved: true,
    };
    Ok(Json(document))
}
