//! `GET /v1/eligibility-checks`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::EligibilityStatus;
use store::reading::{CheckFilter, CheckPosition};

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::coverage::CheckDocument;
use crate::documents::ListDocument;
use crate::extract::{Administrator, Page, QueryParameters};
use crate::problem::Problem;

const STATUSES: &str = "statuses with commas between them, like needs_attention";

/// The work list: questions to insurers, the earliest visit first, those without a visit last. With
/// `status=needs_attention,pending_verification` it is what somebody has to act on, and what nobody
/// knows yet.
#[utoipa::path(
    get,
    path = "/v1/eligibility-checks",
    tag = "coverages",
    params(
        ("status" = Option<String>, Query,
            description = "Like `needs_attention,pending_verification`"),
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
    let statuses = query.take("status", STATUSES, parse_statuses)?.unwrap_or_default();
    let payer = query.take("payer", "a payer's number", |text| text.parse().ok())?;
    let page = Page::take(&mut query)?;
    query.finish()?;
    let filter = CheckFilter { statuses, payer, after: page.after, limit: page.rows() };
    let rows = app.eligibility_checks(&caller, &filter).await?;
    let (rows, link) =
        page.cut(rows, &uri, |last| CheckPosition { visit_start: last.visit_start, id: last.id });
    let note = Note::search(
        ResourceKind::CoverageEligibilityResponse,
        rows.iter().filter_map(|check| check.patient_id),
    );
    let now = app.clock.now();
    let items = rows.into_iter().map(|check| CheckDocument::with_decider(check, now)).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}

/// Each of them once at most, so that the list has an end.
fn parse_statuses(text: &str) -> Option<Vec<EligibilityStatus>> {
    let statuses: Option<Vec<_>> = text.split(',').map(|word| word.parse().ok()).collect();
    statuses.filter(|statuses| statuses.len() <= EligibilityStatus::ALL.len())
}
