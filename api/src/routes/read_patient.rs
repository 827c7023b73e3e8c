//! `GET /v1/patients/{id}`

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::{CoverageId, PatientId, Role};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::chart::{ChartCoverageDocument, ChartDocument, ChartVisitDocument};
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};

/// Visits in a chart's summary.
const VISITS: i64 = 50;

/// A patient's chart, in short: the patient's own, a doctor's own patients' and those opened in an
/// emergency, or anybody's for administrators.
#[utoipa::path(
    get,
    path = "/v1/patients/{id}",
    tag = "patients",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ChartDocument))
)]
pub async fn read_patient(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<PatientId>,
) -> Result<Audited<Json<ChartDocument>>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let patient = reading.patient(id).await?.ok_or(ProblemType::UnknownPatient)?;
    let is_emergency = caller.actor.role == Role::Doctor && reading.is_emergency(id).await?;
    let visits = reading.visits_of(id, VISITS).await?;
    let coverages = reading.coverages_of(id).await?.unwrap_or_default();
    let ids: Vec<CoverageId> = coverages.iter().map(|coverage| coverage.id).collect();
    let mut standings: HashMap<_, _> =
        reading.eligibility_of_coverages(&ids).await?.into_iter().collect();
    let now = app.clock.now();
    let coverages = coverages
        .iter()
        .map(|coverage| ChartCoverageDocument::of(coverage, standings.remove(&coverage.id), now));
    let document = ChartDocument {
        patient: patient.into(),
        coverages: coverages.collect(),
        visits: visits.into_iter().map(ChartVisitDocument::from).collect(),
        is_emergency,
    };
    let note = Note::read(ResourceKind::Patient, id.as_uuid(), id).in_emergency(is_emergency);
    Ok(Audited::new(note, Json(document)))
}
