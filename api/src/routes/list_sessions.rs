//! `GET /v1/sessions`

use axum::Json;
use axum::extract::State;
use domain::SessionId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{Caller, Session};
use crate::problem::Problem;

/// A sign-in that lives.
#[derive(Clone, Serialize, ToSchema)]
pub struct LiveSessionDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    id: SessionId,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Its last sign-in or refresh; access tokens in between aren't counted.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// It ends then at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// From what, roughly.
    #[schema(example = "Firefox on Linux")]
    client: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// Where you are signed in: the hundred newest sessions.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "sign-in",
    responses((status = OK, body = ListDocument<LiveSessionDocument>))
)]
pub async fn list_sessions(
    State(app): State<App>,
    caller: Caller,
    Session(current): Session,
) -> Result<Json<ListDocument<LiveSessionDocument>>, Problem> {
    let idle = SignedDuration::from_secs(app.settings.session_idle_s.into());
    let accounts = app.accounts.within(caller.correlation_id);
    let live = accounts.live_sessions(caller.actor.id, idle, app.clock.now()).await?;
    let items = live.into_iter().map(|session| LiveSessionDocument {
        id: session.id,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        client: session.client,
        current: session.id == current,
    });
    Ok(Json(ListDocument { items: items.collect() }))
}
