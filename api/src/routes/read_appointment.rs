//! `GET /v1/appointments/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::AppointmentId;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::AppointmentDocument;
use crate::extract::{Id, Participant, etag};
use crate::problem::{Problem, ProblemType};

/// One visit. The ETag goes into If-Match of changes.
#[utoipa::path(
    get,
    path = "/v1/appointments/{id}",
    tag = "appointments",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = AppointmentDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_appointment(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<AppointmentId>,
) -> Result<Audited<Response>, Problem> {
    let appointment = app.read_as(&caller).await?.appointment(id).await?;
    let appointment = appointment.ok_or(ProblemType::UnknownAppointment)?;
    let tag = etag(appointment.version);
    let patient = appointment.patient_id;
    let note = Note::read(ResourceKind::Appointment, id.as_uuid(), patient);
    let answer = ([(ETAG, tag)], Json(AppointmentDocument::from(&appointment))).into_response();
    Ok(Audited::new(note.in_version(appointment.version), answer))
}
