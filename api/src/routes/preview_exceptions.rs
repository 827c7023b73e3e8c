//! `POST /v1/doctors/{id}/availability/exceptions/{date}/preview`

use axum::Json;
use axum::extract::State;
use contracts::Conflicts;
use contracts::audit::ResourceKind;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::extract::{DoctorDate, Form, Scheduler};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::{ConflictsDocument, DateForm, may_set_hours};

/// Which booked visits would not fit into a date that differed like this from its day of the week.
/// Changes nothing.
#[utoipa::path(
    post,
    path = "/v1/doctors/{id}/availability/exceptions/{date}/preview",
    tag = "doctors",
    params(
        ("id" = String, Path, format = Uuid),
        ("date" = String, Path, format = Date, description = "By the doctor's wall clock"),
    ),
    request_body = DateForm,
    responses((status = OK, body = ConflictsDocument))
)]
pub async fn preview_exceptions(
    State(app): State<App>,
    Scheduler(caller): Scheduler,
    DoctorDate { practitioner_id, date }: DoctorDate,
    Form(form): Form<DateForm>,
) -> Result<Audited<Json<ConflictsDocument>>, Problem> {
    may_set_hours(&caller, practitioner_id)?;
    let (_, exceptions) = form.command(practitioner_id, date)?;
    let mut reading = app.read_as(&caller).await?;
    let week = reading.availability(practitioner_id).await?;
    let week = week.ok_or(ProblemType::UnknownPractitioner)?;
    let week = week.ok_or(ProblemType::InvalidAvailability)?;
    let beside = (date.yesterday().unwrap_or(date), date.tomorrow().unwrap_or(date));
    let mut dates = reading.exceptions(&[practitioner_id], beside).await?;
    let hours = week
        .with_exceptions(dates.remove(&practitioner_id).unwrap_or_default())
        .with_exceptions_on(date, Some(exceptions));
    let mut visits = reading.upcoming_visits(practitioner_id, app.clock.now()).await?;
    visits.retain(|visit| hours.is_on(visit.booked.slot, date));
    let conflicts = Conflicts::of(&visits, Some(&hours));
    let named = visits.iter().filter(|visit| conflicts.visits.iter().any(|one| one.id == visit.id));
    let note = Note::search(ResourceKind::Appointment, named.map(|visit| visit.patient_id));
    Ok(Audited::new(note, Json((&conflicts).into())))
}
