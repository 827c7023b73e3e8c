//! `GET /v1/locations`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use domain::LocationId;
use store::reading::LocationFilter;
use uuid::Uuid;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{Caller, Page, QueryParameters};
use crate::problem::Problem;
use crate::scheduling::LocationDocument;

/// Places where patients come.
#[utoipa::path(
    get,
    path = "/v1/locations",
    tag = "locations",
    params(
        ("active" = Option<bool>, Query, description = "Only those where visits can be booked, or \
            only the others"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<LocationDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_locations(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Response, Problem> {
    let active = query.take("active", "true or false", |text| text.parse().ok())?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let after = page.after.map(LocationId::from);
    let filter = LocationFilter { active, after, limit: page.rows() };
    let rows = app.read_as(&caller).await?.locations(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let items = rows.iter().map(LocationDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok((link, Json(ListDocument { items })).into_response())
}
