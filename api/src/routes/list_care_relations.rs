//! `GET /v1/patients/{id}/care-relations`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::PatientId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};
use crate::visits::CareRelationDocument;

/// Who cares, or has cared, for a patient, the latest first: all of it for the patient and for
/// administrators, their own for doctors.
#[utoipa::path(
    get,
    path = "/v1/patients/{id}/care-relations",
    tag = "administration",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ListDocument<CareRelationDocument>))
)]
pub async fn list_care_relations(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(patient): Id<PatientId>,
) -> Result<Audited<Json<ListDocument<CareRelationDocument>>>, Problem> {
    let relations = app.read_as(&caller).await?.care_relations_of(patient).await?;
    let relations = relations.ok_or(ProblemType::UnknownPatient)?;
    let items = relations.iter().map(CareRelationDocument::from).collect();
    let note = Note::search(ResourceKind::CareTeam, [patient]);
    Ok(Audited::new(note, Json(ListDocument { items })))
}
