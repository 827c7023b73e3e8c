//! `POST /v1/services`

use axum::extract::State;
use axum::response::Response;
use contracts::{Applied, BookingCommand, Route};

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Form, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::scheduling::{ServiceDocument, ServiceForm};

/// Make a visit type.
#[utoipa::path(
    post,
    path = "/v1/services",
    tag = "services",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = ServiceForm,
    responses(
        (status = CREATED, body = ServiceDocument, description = "Made, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn create_service(
    State(app): State<App>,
    Administrator(caller): Administrator,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<ServiceForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::SetService(form.command(None)?);
    let route = Route::CreateService;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Service(service) => Some(ServiceDocument::from(service).created()),
        _ => None,
    }))
}
