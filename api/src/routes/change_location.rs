//! `PUT /v1/locations/{id}`

use axum::extract::State;
use axum::response::Response;
use contracts::commands::Seen;
use contracts::{Applied, BookingCommand, Route};
use domain::LocationId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Form, Id, IdempotencyKey, IfMatch, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::scheduling::{LocationDocument, LocationForm};

/// Change a location. Visits that are booked stay as they are.
#[utoipa::path(
    put,
    path = "/v1/locations/{id}",
    tag = "locations",
    params(
        ("id" = String, Path, format = Uuid),
        ("If-Match" = String, Header, description = "The ETag of the location as you saw it"),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = LocationForm,
    responses(
        (status = OK, body = LocationDocument, description = "Changed, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn change_location(
    State(app): State<App>,
    Administrator(caller): Administrator,
    Id(id): Id<LocationId>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<LocationForm>,
) -> Result<Response, Problem> {
    let command = BookingCommand::SetLocation(form.command(Some(Seen { id, version }))?);
    let route = Route::ChangeLocation;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Location(location) => Some(LocationDocument::from(location).shown()),
        _ => None,
    }))
}
