//! `DELETE /v1/sessions`

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::extract::Caller;
use crate::problem::Problem;

/// Sign out everywhere, here too, within seconds. No device is known any more.
#[utoipa::path(
    delete,
    path = "/v1/sessions",
    tag = "sign-in",
    responses((status = NO_CONTENT, description = "All sessions have ended"))
)]
pub async fn end_all_sessions(
    State(app): State<App>,
    caller: Caller,
) -> Result<Audited<StatusCode>, Problem> {
    let accounts = app.accounts.within(caller.correlation_id);
    app.end_sessions(accounts.revoke_all_sessions(caller.actor.id, app.clock.now()).await?);
    let who = Who { id: caller.actor.id, role: caller.actor.role, session: None };
    Ok(Audited::new(Note::sign_out(who), StatusCode::NO_CONTENT))
}
