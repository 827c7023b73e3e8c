//! `POST /v1/locations`

use axum::extract::State;
use axum::response::Response;
use contracts::{Applied, BookingCommand, Route};

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Form, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::scheduling::{LocationDocument, LocationForm};

/// Make a location.
#[utoipa::path(
    post,
    path = "/v1/locations",
    tag = "locations",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = LocationForm,
    responses(
        (status = CREATED, body = LocationDocument, description = "Made, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn create_location(
    State(app): State<App>,
    Administrator(caller): Administrator,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<LocationForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::SetLocation(form.command(None)?);
    let route = Route::CreateLocation;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Location(location) => Some(LocationDocument::from(location).created()),
        _ => None,
    }))
}
