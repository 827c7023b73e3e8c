//! What administrators change of other people's accounts. Nobody does it to their own, so that
//! somebody is left who can administrate.

use contracts::audit::{AuditAction, ResourceKind};
use domain::{Role, SessionId, UserId};
use store::identity::AccountChange;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// Disables or enables an account, and ends its sessions.
pub async fn set_active(
    app: &App,
    caller: &Caller,
    recorder: &Recorder,
    user: UserId,
    is_active: bool,
) -> Result<(), Problem> {
    refuse_own(caller, user)?;
    let accounts = app.accounts.within(caller.correlation_id);
    let changing = async {
        let by = caller.actor.id;
        let change = accounts.set_active(user, is_active, by, app.clock.now()).await?;
        ended_by(change, ProblemType::NotFound)
    };
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, user);
    app.end_sessions(recorder.around(note, changing).await?);
    tracing::info!(user.id = %user, user.is_active = is_active, "an account was changed");
    Ok(())
}

/// Changes what an administrator or operator may do, and ends their sessions.
pub async fn set_role(
    app: &App,
    caller: &Caller,
    recorder: &Recorder,
    user: UserId,
    role: Role,
) -> Result<(), Problem> {
    refuse_own(caller, user)?;
    let accounts = app.accounts.within(caller.correlation_id);
    let changing = async {
        let change = accounts.set_role(user, role, caller.actor.id, app.clock.now()).await?;
        ended_by(change, ProblemType::UnsuitableRole)
    };
    let note = Note::administration(AuditAction::Update, ResourceKind::Person, user);
    app.end_sessions(recorder.around(note, changing).await?);
    tracing::info!(user.id = %user, user.role = %role, "a role was changed");
    Ok(())
}

fn refuse_own(caller: &Caller, user: UserId) -> Result<(), Problem> {
    if user == caller.actor.id { Err(ProblemType::OwnAccount.into()) } else { Ok(()) }
}

fn ended_by(change: AccountChange, unknown: ProblemType) -> Result<Vec<SessionId>, Problem> {
    match change {
        AccountChange::Done(ended) => Ok(ended),
        AccountChange::Unknown => Err(unknown.into()),
        AccountChange::NotAllowed => Err(ProblemType::Forbidden.into()),
    }
}
