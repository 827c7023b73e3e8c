//! `GET /v1/doctors`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use domain::PractitionerId;
use store::reading::PractitionerFilter;
use uuid::Uuid;

use crate::account::ShortText;
use crate::app::App;
use crate::documents::{ListDocument, PractitionerDocument};
use crate::extract::{Caller, Page, QueryParameters};
use crate::problem::Problem;

/// Doctors who can be booked.
#[utoipa::path(
    get,
    path = "/v1/doctors",
    tag = "doctors",
    params(
        ("specialty" = Option<String>, Query, description = "Exactly this specialty"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<PractitionerDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_doctors(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Response, Problem> {
    let specialty = query.take("specialty", "1 to 100 characters", ShortText::parse)?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let filter = PractitionerFilter {
        specialty: specialty.as_ref().map(ShortText::as_str),
        after: page.after.map(PractitionerId::from),
        limit: page.rows(),
    };
    let rows = app.read_as(&caller).await?.practitioners(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let items = rows.into_iter().map(PractitionerDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok((link, Json(ListDocument { items })).into_response())
}
