//! `POST /v1/series/{id}/cancel`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, CancelSeries, Route};
use domain::SeriesId;

use super::cancel_appointment::CancelForm;
use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Form, Id, IdempotencyKey, Participant, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::SeriesDocument;

/// Call off what is left of a series. What is over stays as it is, and so do, unless that is
/// overridden, visits for which it is too late. The answer holds those that were called off.
#[utoipa::path(
    post,
    path = "/v1/series/{id}/cancel",
    tag = "appointments",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = CancelForm,
    responses(
        (status = OK, body = SeriesDocument, description = "Called off, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn cancel_series(
    State(app): State<App>,
    Participant(caller): Participant,
    Id(series_id): Id<SeriesId>,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<CancelForm>,
) -> Result<Response, Problem> {
    let (reason, override_reason) = form.reasons(&caller)?;
    let command = BookingCommand::CancelSeries(CancelSeries { series_id, reason, override_reason });
    let route = Route::CancelSeries;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Series(series) => Some(Json(SeriesDocument::from(series)).into_response()),
        _ => None,
    }))
}
