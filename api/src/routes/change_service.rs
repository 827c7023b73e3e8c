//! `PUT /v1/services/{id}`

use axum::extract::State;
use axum::response::Response;
use contracts::commands::Seen;
use contracts::{Applied, BookingCommand, Route};
use domain::HealthcareServiceId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Form, Id, IdempotencyKey, IfMatch, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::scheduling::{ServiceDocument, ServiceForm};

/// Change a visit type. Visits that are booked stay as they are.
#[utoipa::path(
    put,
    path = "/v1/services/{id}",
    tag = "services",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the visit type as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = ServiceForm,
    responses(
        (status = OK, body = ServiceDocument, description = "Changed, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn change_service(
    State(app): State<App>,
    Administrator(caller): Administrator,
    Id(id): Id<HealthcareServiceId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<ServiceForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::SetService(form.command(Some(Seen { id, version }))?);
    let route = Route::ChangeService;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Service(service) => Some(ServiceDocument::from(service).shown()),
        _ => None,
    }))
}
