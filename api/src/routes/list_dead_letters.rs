//! `GET /v1/dead-letters`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use store::reading::LetterPage;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{Maintainer, Page, QueryParameters};
use crate::letters::{LetterDocument, take_filter};
use crate::problem::Problem;

/// Messages that no worker could settle, the newest first. Nothing here says what was asked.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    tag = "dead letters",
    params(
        ("state" = Option<String>, Query, description = "`open`, `replaying`, `resolved`, `discarded`"),
        ("worker" = Option<String>, Query, description = "Which worker gave up"),
        ("error_class" = Option<String>, Query, description = "A word, like `undecodable`"),
        ("fingerprint" = Option<String>, Query, description = "Those that failed alike"),
        ("correlation_id" = Option<String>, Query, format = Uuid, description = "Of one request"),
        ("failed_before" = Option<String>, Query, format = DateTime, description = "The last time"),
        ("failed_since" = Option<String>, Query, format = DateTime, description = "The last time"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<LetterDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_dead_letters(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Response, Problem> {
    let filter = take_filter(&mut query)?;
    let page = Page::<i64>::take(&mut query)?;
    query.finish()?;
    let mut reading = app.read_as(&caller).await?;
    let part = LetterPage::Before(page.after);
    let rows = reading.dead_letters(&filter, part, page.rows()).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.position);
    let items = rows.into_iter().map(LetterDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok((link, Json(ListDocument { items })).into_response())
}
