//! `GET /v1/dead-letters/groups`

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use store::reading::LetterGroup;
use utoipa::ToSchema;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{Maintainer, QueryParameters};
use crate::letters::take_filter;
use crate::problem::Problem;

/// Groups at most: whoever has more causes than that at once begins with the largest.
const MOST: i64 = 200;

/// Letters that failed alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LetterGroupDocument {
    /// What they have in common; a filter of the list.
    fingerprint: String,
    /// Which worker gave up.
    worker: String,
    /// The class of the error, a word.
    error_class: String,
    /// What happened.
    error_detail: String,
    /// How many letters.
    count: i64,
    /// The first failure of all.
    #[schema(value_type = String, format = DateTime)]
    first_failure_at: Timestamp,
    /// The last failure of all.
    #[schema(value_type = String, format = DateTime)]
    last_failure_at: Timestamp,
}

impl From<LetterGroup> for LetterGroupDocument {
    fn from(group: LetterGroup) -> Self {
        Self {
            fingerprint: group.fingerprint,
            worker: group.worker,
            error_class: group.error_class,
            error_detail: group.error_detail,
            count: group.count,
            first_failure_at: group.first_failure_at,
            last_failure_at: group.last_failure_at,
        }
    }
}

/// Dead letters by what they have in common, the largest group first; at most 200 groups.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/groups",
    tag = "dead letters",
    params(
        ("state" = Option<String>, Query, description = "`open`, `replaying`, `resolved`, `discarded`"),
        ("worker" = Option<String>, Query, description = "Which worker gave up"),
        ("error_class" = Option<String>, Query, description = "A word, like `undecodable`"),
        ("fingerprint" = Option<String>, Query, description = "Those that failed alike"),
        ("correlation_id" = Option<String>, Query, format = Uuid, description = "Of one request"),
        ("failed_before" = Option<String>, Query, format = DateTime, description = "The last time"),
        ("failed_since" = Option<String>, Query, format = DateTime, description = "The last time"),
    ),
    responses((status = OK, body = ListDocument<LetterGroupDocument>))
)]
pub async fn group_dead_letters(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    mut query: QueryParameters,
) -> Result<Json<ListDocument<LetterGroupDocument>>, Problem> {
    let filter = take_filter(&mut query)?;
    query.finish()?;
    let groups = app.read_as(&caller).await?.dead_letter_groups(&filter, MOST).await?;
    Ok(Json(ListDocument { items: groups.into_iter().map(LetterGroupDocument::from).collect() }))
}
