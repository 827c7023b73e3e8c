//! `POST /v1/appointments`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use contracts::{Applied, AppointmentState, BookAppointment, BookingCommand, Route};
use domain::{HealthcareServiceId, LocationId, PatientId, PractitionerId, RequestedStart, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Booker, Form, IdempotencyKey, Prefer, etag};
use crate::outcome;
use crate::problem::{Problem, ProblemType};

/// A visit that somebody wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingForm {
    /// With whom.
    #[schema(value_type = String, format = Uuid)]
    practitioner_id: PractitionerId,
    /// When: RFC 3339 with an offset, or RFC 9557 with a zone in brackets and no offset.
    #[schema(value_type = String, example = "2027-03-01T09:00:00-03:00")]
    start: RequestedStart,
    /// For whom. Administrators name the patient; patients book for themselves.
    #[schema(value_type = Option<String>, format = Uuid)]
    patient_id: Option<PatientId>,
    /// What kind of visit; the doctor's standard visit when none is named.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    service_id: Option<HealthcareServiceId>,
    /// Where; wherever the doctor is then, when no place is named.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    location_id: Option<LocationId>,
}

/// Book a visit.
#[utoipa::path(
    post,
    path = "/v1/appointments",
    tag = "appointments",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = BookingForm,
    responses(
        (status = CREATED, body = AppointmentDocument, description = "Booked, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn book_appointment(
    State(app): State<App>,
    booker: Booker,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<BookingForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::Book(form.booking(booker)?);
    let Booker(caller) = booker;
    let route = Route::BookAppointment;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Appointment(state) => Some(booked(state)),
        _ => None,
    }))
}

impl BookingForm {
    /// The visit, for whom this caller may book it.
    pub(super) fn booking(self, booker: Booker) -> Result<BookAppointment, Problem> {
        Ok(BookAppointment {
            practitioner_id: self.practitioner_id,
            patient_id: patient(booker, self.patient_id)?,
            start: self.start,
            service_id: self.service_id,
            location_id: self.location_id,
        })
    }
}

/// For whom this caller may book.
fn patient(Booker(caller): Booker, named: Option<PatientId>) -> Result<PatientId, Problem> {
    let own = PatientId::from(caller.actor.id);
    match (caller.actor.role, named) {
        (Role::Admin, Some(patient)) => Ok(patient),
        (Role::Admin, None) => {
            Err(Problem::new(ProblemType::InvalidBody).at_pointer("/patient_id", "required"))
        }
        (_, None) => Ok(own),
        (_, Some(patient)) if patient == own => Ok(own),
        (_, Some(_)) => {
            Err(Problem::new(ProblemType::Forbidden)
                .with_detail("patients book for themselves only"))
        }
    }
}

pub(super) fn booked(state: &AppointmentState) -> Response {
    let location = format!("/v1/appointments/{}", state.id);
    let tag = etag(state.version);
    let document = Json(AppointmentDocument::from(state));
    (StatusCode::CREATED, [(LOCATION, location)], [(ETAG, tag)], document).into_response()
}

#[cfg(test)]
mod tests {
    use domain::{Actor, CorrelationId, UserId};

    use super::*;
    use crate::extract::Caller;

    fn booker(role: Role) -> Booker {
        Booker(Caller {
            actor: Actor { id: UserId::generate(), role },
            correlation_id: CorrelationId::generate(),
        })
    }

    #[test]
    fn patients_book_for_themselves_and_administrators_for_others() {
        let other = PatientId::generate();
        let ada = booker(Role::Patient);
        let own = PatientId::from(ada.0.actor.id);
        assert_eq!(patient(ada, None).unwrap(), own);
        assert_eq!(patient(ada, Some(own)).unwrap(), own);
        assert_eq!(patient(ada, Some(other)).unwrap_err().kind(), ProblemType::Forbidden);
        let admin = booker(Role::Admin);
        assert_eq!(patient(admin, Some(other)).unwrap(), other);
        assert_eq!(patient(admin, None).unwrap_err().kind(), ProblemType::InvalidBody);
    }

    #[test]
    fn the_form_has_no_other_fields() {
        let form = |json: &str| serde_json::from_str::<BookingForm>(json);
        let id = UserId::generate();
        let start = "2027-03-01T09:00:00[America/Sao_Paulo]";
        assert!(form(&format!(r#"{{"practitioner_id":"{id}","start":"{start}"}}"#)).is_ok());
        let status = format!(r#"{{"practitioner_id":"{id}","start":"{start}","status":"x"}}"#);
        assert!(form(&status).is_err());
        assert!(form(&format!(r#"{{"practitioner_id":"*","start":"{start}"}}"#)).is_err());
    }
}
