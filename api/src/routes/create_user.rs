//! `POST /v1/admin/users`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::audit::{AuditAction, ResourceKind};
use domain::{Email, Role, UserId};
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::NewUser;
use utoipa::ToSchema;

use crate::account;
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::documents::UserDocument;
use crate::extract::{Administrator, Form};
use crate::problem::Problem;

/// An administrator or operator to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserForm {
    /// What they will sign in with.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Patients register themselves, and doctors are created at `/v1/admin/doctors`.
    role: StaffRole,
}

/// Roles without data beside the account.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StaffRole {
    /// Sees everything.
    Admin,
    /// Keeps the machinery running.
    Operator,
}

impl From<StaffRole> for Role {
    fn from(role: StaffRole) -> Self {
        match role {
            StaffRole::Admin => Self::Admin,
            StaffRole::Operator => Self::Operator,
        }
    }
}

/// Create an administrator or an operator.
#[utoipa::path(
    post,
    path = "/v1/admin/users",
    tag = "administration",
    request_body = UserForm,
    responses((status = CREATED, body = UserDocument))
)]
pub async fn create_user(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Form(form): Form<UserForm>,
) -> Result<(StatusCode, Json<UserDocument>), Problem> {
    let password_hash = account::hash(&app, form.password, &form.email, &[], "/password").await?;
    let user = NewUser {
        id: UserId::generate(),
        email: &form.email,
        password_hash: &password_hash,
        role: form.role.into(),
        created_by: Some(caller.actor.id),
        created_at: app.clock.now(),
    };
    let note = Note::administration(AuditAction::Create, ResourceKind::Person, user.id);
    let accounts = app.accounts.within(caller.correlation_id);
    recorder.around(note, async { Ok(accounts.create_user(&user).await?) }).await?;
    tracing::info!(user.id = %user.id, user.role = %user.role, "a user was created");
    let (id, role) = (user.id, user.role);
    let document = UserDocument { id, email: form.email.into(), role };
    Ok((StatusCode::CREATED, Json(document)))
}
