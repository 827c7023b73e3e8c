//! `POST /v1/admin/users/{id}/enable`

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserId;

use crate::app::App;
use crate::audit::Recorder;
use crate::extract::{Administrator, Id};
use crate::problem::Problem;
use crate::staff;

/// Enable an account again. Its owner signs in as before.
#[utoipa::path(
    post,
    path = "/v1/admin/users/{id}/enable",
    tag = "administration",
    params(("id" = String, Path, format = Uuid, description = "Whose")),
    responses((status = NO_CONTENT, description = "The account is enabled"))
)]
pub async fn enable_user(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    staff::set_active(&app, &caller, &recorder, user, true).await?;
    Ok(StatusCode::NO_CONTENT)
}
