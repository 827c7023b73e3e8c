//! `POST /v1/patients/{id}/care-relations`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, AssignCare, BookingCommand, Route};
use domain::{PatientId, PractitionerId};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Form, Id, IdempotencyKey, Prefer, text};
use crate::outcome;
use crate::problem::{Problem, ProblemType};
use crate::visits::CareRelationDocument;

/// Who cares for a patient from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CareForm {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    practitioner_id: PractitionerId,
    /// Until when; until somebody ends it, when it isn't said.
    #[serde(default, deserialize_with = "text::instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Say that a doctor cares for a patient: they see the patient's notes, with or without a visit.
#[utoipa::path(
    post,
    path = "/v1/patients/{id}/care-relations",
    tag = "administration",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = CareForm,
    responses(
        (status = CREATED, body = CareRelationDocument, description = "Said, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn assign_care(
    State(app): State<App>,
    Administrator(caller): Administrator,
    Id(patient_id): Id<PatientId>,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(CareForm { practitioner_id, until }): Form<CareForm>,
) -> Result<Response, Problem> {
    if until.is_some_and(|until| until <= app.clock.now()) {
        let problem = Problem::new(ProblemType::InvalidBody);
        return Err(problem.at_pointer("/until", "a time in the future"));
    }
    let command = BookingCommand::AssignCare(AssignCare { patient_id, practitioner_id, until });
    let route = Route::AssignCare;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::CareRelation(relation) => {
            let document = Json(CareRelationDocument::from(relation));
            Some((StatusCode::CREATED, document).into_response())
        }
        _ => None,
    }))
}
