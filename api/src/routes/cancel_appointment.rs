//! `POST /v1/appointments/{id}/cancel`

use axum::extract::State;
use axum::response::Response;
use contracts::audit::StatedReason;
use contracts::{BookingCommand, CancelAppointment, Route};
use domain::{AppointmentId, CancelationReason};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::commands::Order;
use crate::documents::{AcceptedDocument, AppointmentDocument};
use crate::extract::{Caller, Form, Id, IdempotencyKey, IfMatch, Participant, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::{override_reason, stated};

/// Why a visit is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelForm {
    /// FHIR code: `pat` (the patient), `prov` (the practitioner or clinic), `maint`, `meds-inc`,
    /// `other`, or one of those below them, such as `pat-lt` or `oth-weath`.
    #[schema(value_type = String, example = "pat")]
    reason: CancelationReason,
    /// Whether it is to be called off although it is too late for that; administrators only.
    #[serde(default, rename = "override")]
    overrides: bool,
    /// Why, in 3 to 200 characters.
    #[schema(value_type = Option<String>)]
    override_reason: Option<StatedReason>,
}

impl CancelForm {
    /// Why, and why although it is too late.
    pub(super) fn reasons(
        self,
        caller: &Caller,
    ) -> Result<(CancelationReason, Option<StatedReason>), Problem> {
        let override_reason = override_reason(caller, self.overrides, self.override_reason)?;
        Ok((stated(self.reason)?, override_reason))
    }
}

/// Call a visit off. Patients can until a day before it begins; doctors at any time; administrators
/// as patients, unless they override that.
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
    let (reason, override_reason) = form.reasons(&caller)?;
    let command = BookingCommand::Cancel(CancelAppointment {
        appointment_id,
        version,
        reason,
        override_reason,
    });
    let route = Route::CancelAppointment;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, outcome::changed_visit))
}
