//! `POST /v1/doctors/{id}/availability/preview`

use axum::Json;
use axum::extract::State;
use contracts::Conflicts;
use contracts::audit::ResourceKind;
use domain::PractitionerId;
use jiff::civil::Date;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::extract::{Form, Id, Scheduler};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::{AvailabilityForm, ConflictsDocument, first_date, may_set_hours};

/// Which booked visits would not fit into other opening hours. Changes nothing.
#[utoipa::path(
    post,
    path = "/v1/doctors/{id}/availability/preview",
    tag = "doctors",
    params(("id" = String, Path, format = Uuid)),
    request_body = AvailabilityForm,
    responses((status = OK, body = ConflictsDocument))
)]
pub async fn preview_availability(
    State(app): State<App>,
    Scheduler(caller): Scheduler,
    Id(practitioner_id): Id<PractitionerId>,
    Form(form): Form<AvailabilityForm>,
) -> Result<Audited<Json<ConflictsDocument>>, Problem> {
    may_set_hours(&caller, practitioner_id)?;
    let week = form.command(practitioner_id).availability().map_err(|error| {
        Problem::new(ProblemType::InvalidAvailability).with_detail(error.to_string())
    })?;
    let now = app.clock.now();
    let mut reading = app.read_as(&caller).await?;
    reading.availability(practitioner_id).await?.ok_or(ProblemType::UnknownPractitioner)?;
    let dates = (first_date(now), Date::MAX);
    let mut exceptions = reading.exceptions(&[practitioner_id], dates).await?;
    let week = week.with_exceptions(exceptions.remove(&practitioner_id).unwrap_or_default());
    let visits = reading.upcoming_visits(practitioner_id, now).await?;
    // Without a week there are no dates that differ from it.
    let hours = Some(&week).filter(|week| !week.hours().is_empty());
    let conflicts = Conflicts::of(&visits, hours);
    let named = visits.iter().filter(|visit| conflicts.visits.iter().any(|one| one.id == visit.id));
    let note = Note::search(ResourceKind::Appointment, named.map(|visit| visit.patient_id));
    Ok(Audited::new(note, Json((&conflicts).into())))
}
