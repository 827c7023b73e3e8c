//! `POST /v1/admin/users/{id}/second-factor/remove`

use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use domain::UserId;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Administrator, Id};
use crate::problem::{Problem, ProblemType};

/// Remove the second factor of somebody who has lost it and their recovery codes. Their sessions
/// end; staff have to enrol another before anything else.
#[utoipa::path(
    post,
    path = "/v1/admin/users/{id}/second-factor/remove",
    tag = "administration",
    params(("id" = String, Path, format = Uuid, description = "Whose")),
    responses((status = NO_CONTENT, description = "Sign-ins ask for no code any more"))
)]
pub async fn remove_users_second_factor(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    if user == caller.actor.id {
        return Err(ProblemType::OwnAccount.into());
    }
    let accounts = app.accounts.within(caller.correlation_id);
    let note = Note::administration(AuditAction::Delete, ResourceKind::Person, user);
    let removing = async {
        let now = app.clock.now();
        if !accounts.remove_second_factor(user, None, now).await? {
            return Err(ProblemType::NotFound.into());
        }
        Ok(accounts.revoke_all_sessions(user, now).await?)
    };
    app.end_sessions(recorder.around(note, removing).await?);
    tracing::info!(user.id = %user, "a second factor was removed by an administrator");
    Ok(StatusCode::NO_CONTENT)
}
