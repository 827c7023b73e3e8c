//! `POST /v1/appointments/{id}/reschedule`

use axum::extract::State;
use axum::response::Response;
use contracts::audit::StatedReason;
use contracts::{BookingCommand, RescheduleAppointment, Route};
use domain::{AppointmentId, PractitionerId, RequestedStart};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Form, Id, IdempotencyKey, IfMatch, Participant, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::override_reason;

/// Another time for a visit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleForm {
    /// When: RFC 3339 with an offset, or RFC 9557 with a zone in brackets and no offset.
    #[schema(value_type = String, example = "2027-03-02T09:00:00-03:00")]
    start: RequestedStart,
    /// With whom, when with somebody else than before; patients and administrators only.
    #[schema(value_type = Option<String>, format = Uuid)]
    practitioner_id: Option<PractitionerId>,
    /// Whether it is to be moved although it is too late for that; administrators only.
    #[serde(default, rename = "override")]
    overrides: bool,
    /// Why, in 3 to 200 characters.
    #[schema(value_type = Option<String>)]
    override_reason: Option<StatedReason>,
}

/// Move a visit to another time in one step. It keeps its id; and it keeps its old time unless the
/// new one is won.
#[utoipa::path(
    post,
    path = "/v1/appointments/{id}/reschedule",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the visit as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = RescheduleForm,
    responses(
        (status = OK, body = AppointmentDocument, description = "Moved, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn reschedule_appointment(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(appointment_id): Id<AppointmentId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<RescheduleForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::Reschedule(RescheduleAppointment {
        appointment_id,
        version,
        start: form.start,
        practitioner_id: form.practitioner_id,
        override_reason: override_reason(&caller, form.overrides, form.override_reason)?,
    });
    let route = Route::RescheduleAppointment;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, outcome::changed_visit))
}
