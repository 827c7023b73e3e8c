//! `POST /v1/admin/users/{id}/password-reset`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use domain::UserId;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use store::identity::NewReset;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::auth::refresh::generate;
use crate::extract::{Administrator, Id};
use crate::problem::{Problem, ProblemType};

/// What is handed over to whoever has forgotten their password. It is shown this once, and kept
/// nowhere.
#[derive(Serialize, ToSchema)]
pub struct ResetDocument {
    /// Goes to `/v1/auth/password-reset/confirm`, once.
    reset_token: String,
    /// It counts until then.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Permit somebody to choose a new password. Nobody else can choose it for them, and their second
/// factor stays. An earlier permission counts no more.
#[utoipa::path(
    post,
    path = "/v1/admin/users/{id}/password-reset",
    tag = "administration",
    params(("id" = String, Path, format = Uuid, description = "Whose")),
    responses((status = CREATED, body = ResetDocument))
)]
pub async fn issue_password_reset(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(user): Id<UserId>,
) -> Result<(StatusCode, Json<ResetDocument>), Problem> {
    let (token, digest) = generate();
    let created_at = app.clock.now();
    let expires_at = created_at + SignedDuration::from_secs(app.settings.reset_token_s.into());
    let issued_by = caller.actor.id;
    let reset = NewReset { user, token: &digest, issued_by, created_at, expires_at };
    let accounts = app.accounts.within(caller.correlation_id);
    let note = Note::administration(AuditAction::Create, ResourceKind::Person, user);
    let issuing = async {
        let is_issued = accounts.issue_reset(reset).await?;
        is_issued.then_some(()).ok_or_else(|| ProblemType::NotFound.into())
    };
    recorder.around(note, issuing).await?;
    tracing::info!(user.id = %user, "a password reset was permitted");
    let document = ResetDocument { reset_token: token.expose_secret().to_owned(), expires_at };
    Ok((StatusCode::CREATED, Json(document)))
}
