//! `GET /v1/appointments/{id}/history`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::AppointmentId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{Id, Participant};
use crate::problem::{Problem, ProblemType};
use crate::visits::HistoryDocument;

/// What has happened to a visit, from its first version on: statuses, times, and who changed them.
#[utoipa::path(
    get,
    path = "/v1/appointments/{id}/history",
    tag = "appointments",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ListDocument<HistoryDocument>))
)]
pub async fn read_history(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<AppointmentId>,
) -> Result<Audited<Json<ListDocument<HistoryDocument>>>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let visit = reading.appointment(id).await?.ok_or(ProblemType::UnknownAppointment)?;
    let history = reading.history_of_appointment(id).await?;
    let items = history.iter().map(HistoryDocument::from).collect();
    let note = Note::read(ResourceKind::Appointment, id.as_uuid(), visit.patient_id);
    Ok(Audited::new(note, Json(ListDocument { items })))
}
