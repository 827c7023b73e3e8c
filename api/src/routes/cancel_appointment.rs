//! `POST /v1/appointments/{id}/cancel`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, CancelAppointment, Route};
use domain::{AppointmentId, CancelationReason};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Form, Id, IdempotencyKey, IfMatch, Participant, Prefer, etag};
use crate::outcome;
use crate::problem::Problem;

/// Why a visit is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelForm {
    /// FHIR code: `pat` (the patient), `prov` (the practitioner or clinic), `maint`,
    /// `meds-inc` or `other`.
    #[schema(value_type = String, example = "pat")]
    reason: CancelationReason,
}

/// Call a visit off.
#[utoipa::path(
    post,
    path = "/v1/appointments/{id}/cancel",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the visit as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = CancelForm,
    responses(
        (status = OK, body = AppointmentDocument, description = "Called off, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn cancel_appointment(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(appointment_id): Id<AppointmentId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<CancelForm>,
) -> Result<Response, Problem> {
    let reason = form.reason;
    let command = BookingCommand::Cancel(CancelAppointment { appointment_id, version, reason });
    let route = Route::CancelAppointment;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Appointment(state) => {
            let tag = etag(state.version);
            Some(([(ETAG, tag)], Json(AppointmentDocument::from(state))).into_response())
        }
        _ => None,
    }))
}
