//! `GET /v1/appointments/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::{AppointmentId, Role};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::coverage::{EligibilityDocument, ReadAppointmentDocument};
use crate::documents::AppointmentDocument;
use crate::extract::{Id, Participant, etag};
use crate::problem::{Problem, ProblemType};

/// One visit, and how it is covered. The ETag goes into If-Match of changes.
#[utoipa::path(
    get,
    path = "/v1/appointments/{id}",
    tag = "appointments",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ReadAppointmentDocument,
        headers(("ETag" = String, description = "The version"))))
)]
pub async fn read_appointment(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(id): Id<AppointmentId>,
) -> Result<Audited<Response>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let appointment = reading.appointment(id).await?.ok_or(ProblemType::UnknownAppointment)?;
    let standing = reading.eligibility_of_appointment(id).await?;
    let is_emergency =
        caller.actor.role == Role::Doctor && reading.is_emergency(appointment.patient_id).await?;
    let tag = etag(appointment.version);
    let note = Note::read(ResourceKind::Appointment, id.as_uuid(), appointment.patient_id)
        .in_emergency(is_emergency);
    let document = ReadAppointmentDocument {
        appointment: AppointmentDocument::from(&appointment),
        eligibility: EligibilityDocument::of(standing, app.clock.now()),
    };
    let answer = ([(ETAG, tag)], Json(document)).into_response();
    Ok(Audited::new(note.in_version(appointment.version), answer))
}
