//! `GET /v1/doctors/{id}/availability/exceptions`

use axum::Json;
use axum::extract::State;
use domain::PractitionerId;
use jiff::ToSpan as _;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{Caller, Id, QueryParameters, parse_date};
use crate::problem::{Problem, ProblemType};
use crate::scheduling::{DateDocument, first_date};

const A_DATE: &str = "a date like 2027-03-01";

const MAX_DAYS: i32 = 366;

/// The dates on which a doctor's hours differ from the week, by date.
#[utoipa::path(
    get,
    path = "/v1/doctors/{id}/availability/exceptions",
    tag = "doctors",
    params(
        ("id" = String, Path, format = Uuid),
        ("from" = Option<String>, Query, format = Date, description = "First date; about now when \
            it isn't said"),
        ("to" = Option<String>, Query, format = Date, description = "Last date, at most 366 days \
            later; as many when it isn't said"),
    ),
    responses((status = OK, body = ListDocument<DateDocument>))
)]
pub async fn list_exceptions(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PractitionerId>,
    mut query: QueryParameters,
) -> Result<Json<ListDocument<DateDocument>>, Problem> {
    let from = query.take("from", A_DATE, parse_date)?;
    let to = query.take("to", A_DATE, parse_date)?;
    query.finish()?;
    let from = from.unwrap_or_else(|| first_date(app.clock.now()));
    let last = from.saturating_add(MAX_DAYS.days());
    let to = to.unwrap_or(last);
    if to < from || to > last {
        let detail = "expected a date not before `from`, at most 366 days later";
        return Err(Problem::new(ProblemType::InvalidQuery).at_parameter("to", detail));
    }
    let mut reading = app.read_as(&caller).await?;
    reading.availability(id).await?.ok_or(ProblemType::UnknownPractitioner)?;
    let mut dates = reading.exceptions(&[id], (from, to)).await?;
    let dates = dates.remove(&id).unwrap_or_default();
    let items = dates.iter().map(|(date, entries)| DateDocument::new(*date, Some(entries)));
    Ok(Json(ListDocument { items: items.collect() }))
}
