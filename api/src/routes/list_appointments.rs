//! `GET /v1/appointments`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use store::reading::{AppointmentFilter, AppointmentPosition};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::{AppointmentDocument, ListDocument};
use crate::extract::{AN_INSTANT, Page, Participant, QueryParameters, parse_instant};
use crate::problem::Problem;

/// Visits by start: a patient's or doctor's own, or all for administrators.
#[utoipa::path(
    get,
    path = "/v1/appointments",
    tag = "appointments",
    params(
        ("from" = Option<String>, Query, format = DateTime, description = "Beginning then or later"),
        ("to" = Option<String>, Query, format = DateTime, description = "Beginning before then"),
        ("status" = Option<String>, Query, description = "FHIR status, like `booked`"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<AppointmentDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_appointments(
    State(app): State<App>,
    Participant(caller): Participant,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let from = query.take("from", AN_INSTANT, parse_instant)?;
    let to = query.take("to", AN_INSTANT, parse_instant)?;
    let status = query.take("status", "a FHIR status, like booked", |text| text.parse().ok())?;
    let page = Page::take(&mut query)?;
    query.finish()?;
    let filter = AppointmentFilter { from, to, status, after: page.after, limit: page.rows() };
    let rows = app.read_as(&caller).await?.appointments(filter).await?;
    let (rows, link) =
        page.cut(rows, &uri, |last| AppointmentPosition { start: last.start, id: last.id });
    let items = rows.iter().map(AppointmentDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    let note = Note::search(ResourceKind::Appointment, rows.iter().map(|visit| visit.patient_id));
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
