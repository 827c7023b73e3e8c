//! `DELETE /v1/sessions/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use domain::SessionId;

use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::extract::{Caller, Id};
use crate::problem::{Problem, ProblemType};

/// End one of your sessions: its refresh tokens at once, its access tokens within seconds.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    tag = "sign-in",
    params(("id" = String, Path, format = Uuid, description = "Which")),
    responses((status = NO_CONTENT, description = "It has ended"))
)]
pub async fn end_session(
    State(app): State<App>,
    caller: Caller,
    Id(session): Id<SessionId>,
) -> Result<Audited<StatusCode>, Problem> {
    let accounts = app.accounts.within(caller.correlation_id);
    if !accounts.revoke_session(caller.actor.id, session, app.clock.now()).await? {
        return Err(ProblemType::NotFound.into());
    }
    app.end_sessions([session]);
    let who = Who { id: caller.actor.id, role: caller.actor.role, session: Some(session) };
    Ok(Audited::new(Note::sign_out(who), StatusCode::NO_CONTENT))
}
