//! `PUT /v1/admin/users/{id}/role`

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::create_user::StaffRole;
use crate::app::App;
use crate::audit::Recorder;
use crate::extract::{Administrator, Form, Id};
use crate::problem::Problem;
use crate::staff;

/// What somebody may do from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleForm {
    /// Their new role.
    role: StaffRole,
}

/// Make an operator an administrator, or the reverse. They are signed out everywhere within seconds.
#[utoipa::path(
    put,
    path = "/v1/admin/users/{id}/role",
    tag = "administration",
    params(("id" = String, Path, format = Uuid, description = "Whose")),
    request_body = RoleForm,
    responses((status = NO_CONTENT, description = "They have that role"))
)]
pub async fn change_role(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(user): Id<UserId>,
    Form(form): Form<RoleForm>,
) -> Result<StatusCode, Problem> {
    staff::set_role(&app, &caller, &recorder, user, form.role.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
