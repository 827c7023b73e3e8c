//! `POST /v1/appointments/{id}/status`

use axum::extract::State;
use axum::response::Response;
use contracts::{BookingCommand, Route, SetAppointmentStatus};
use domain::{AppointmentId, AppointmentStatus, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Caller, Form, Id, IdempotencyKey, IfMatch, Participant, Prefer};
use crate::outcome;
use crate::problem::{Problem, ProblemType};

/// How far a visit has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusForm {
    /// FHIR status: `arrived`, `checked-in`, `fulfilled` or `noshow`.
    #[schema(value_type = String, example = "checked-in")]
    status: AppointmentStatus,
}

/// Say how far a visit has come: its doctor and administrators; patients check in. Neither
/// `fulfilled` nor `noshow` before it begins.
#[utoipa::path(
    post,
    path = "/v1/appointments/{id}/status",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the visit as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = StatusForm,
    responses(
        (status = OK, body = AppointmentDocument, description = "Changed, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn set_appointment_status(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(appointment_id): Id<AppointmentId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<StatusForm>,
) -> Result<Response, Problem> {
    let status = may_be_said(&caller, form.status)?;
    let command =
        BookingCommand::SetStatus(SetAppointmentStatus { appointment_id, version, status });
    let route = Route::SetAppointmentStatus;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, outcome::changed_visit))
}

fn may_be_said(caller: &Caller, status: AppointmentStatus) -> Result<AppointmentStatus, Problem> {
    use AppointmentStatus::{Arrived, CheckedIn, Fulfilled, NoShow};
    match status {
        Arrived | Fulfilled | NoShow if caller.actor.role == Role::Patient => {
            Err(Problem::new(ProblemType::Forbidden).with_detail("patients check in only"))
        }
        Arrived | CheckedIn | Fulfilled | NoShow => Ok(status),
        _ => Err(Problem::new(ProblemType::InvalidBody)
            .at_pointer("/status", "expected arrived, checked-in, fulfilled or noshow")),
    }
}
