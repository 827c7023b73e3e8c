//! `POST /v1/series`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookSeries, BookingCommand, Route};
use domain::Recurrence;
use serde::Deserialize;
use utoipa::ToSchema;

use super::book_appointment::BookingForm;
use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Booker, Form, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::{Problem, ProblemType};
use crate::visits::SeriesDocument;

/// A visit that comes again, always at the same time of the doctor's wall clock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesForm {
    /// The first of them.
    first: BookingForm,
    /// Weeks from one to the next: 1 to 26.
    #[serde(default = "every_week")]
    #[schema(default = 1, minimum = 1, maximum = 26)]
    every_weeks: u8,
    /// How many in all: 2 to 52.
    #[schema(minimum = 2, maximum = 52, example = 10)]
    count: u8,
}

const fn every_week() -> u8 {
    1
}

/// Book a visit that comes again: every date of it or none. If dates are in the way, the problem's
/// `times` says which; whose they are is not said.
#[utoipa::path(
    post,
    path = "/v1/series",
    tag = "appointments",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    request_body = SeriesForm,
    responses(
        (status = CREATED, body = SeriesDocument, description = "Booked, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn book_series(
    State(app): State<App>,
    booker: Booker,
    key: IdempotencyKey,
    prefer: Prefer,
    Form(form): Form<SeriesForm>,
) -> Result<Response, Problem> {
    let SeriesForm { first, every_weeks, count } = form;
    Recurrence::new(every_weeks, count)
        .map_err(|error| Problem::new(ProblemType::InvalidSeries).with_detail(error.to_string()))?;
    let first = first.booking(booker)?;
    let command = BookingCommand::BookSeries(BookSeries { first, every_weeks, count });
    let Booker(caller) = booker;
    let route = Route::BookSeries;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::Series(series) => {
            let location = [(LOCATION, format!("/v1/series/{}", series.id))];
            let document = Json(SeriesDocument::from(series));
            Some((StatusCode::CREATED, location, document).into_response())
        }
        _ => None,
    }))
}
