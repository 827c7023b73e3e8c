//! `POST /v1/admin/users/{id}/disable`

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserId;

use crate::app::App;
use crate::audit::Recorder;
use crate::extract::{Administrator, Id};
use crate::problem::Problem;
use crate::staff;

/// Disable an account. Whoever it belongs to is signed out everywhere within seconds, and can't sign
/// in; what they did stays.
#[utoipa::path(
    post,
    path = "/v1/admin/users/{id}/disable",
    tag = "administration",
    params(("id" = String, Path, format = Uuid, description = "Whose")),
    responses((status = NO_CONTENT, description = "The account is disabled"))
)]
pub async fn disable_user(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    staff::set_active(&app, &caller, &recorder, user, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
