//! `GET /v1/eligibility-checks`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use store::reading::CheckFilter;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::coverage::CheckDocument;
use crate::documents::ListDocument;
use crate::extract::{Administrator, Page, QueryParameters};
use crate::problem::Problem;

const A_STATUS: &str = "a status, like needs_attention or pending_verification";

/// Questions to insurers, the oldest first: what the front desk has to act on
/// (`status=needs_attention`), and what nobody knows yet (`status=pending_verification`).
#[utoipa::path(
    get,
    path = "/v1/eligibility-checks",
    tag = "coverages",
    params(
        ("status" = Option<String>, Query, description = "Like `needs_attention`"),
        ("payer" = Option<String>, Query, description = "With this insurer"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<CheckDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_eligibility_checks(
    State(app): State<App>,
    Administrator(caller): Administrator,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let status = query.take("status", A_STATUS, |text| text.parse().ok())?;
    let payer = query.take("payer", "a payer's number", |text| text.parse().ok())?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let filter =
        CheckFilter { status, payer, after: page.after.map(Into::into), limit: page.rows() };
    let rows = app.eligibility_checks(&caller, &filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let note = Note::search(
        ResourceKind::CoverageEligibilityResponse,
        rows.iter().filter_map(|check| check.patient_id),
    );
    let now = app.clock.now();
    let items = rows.into_iter().map(|check| CheckDocument::of(check, now)).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
