//! `GET /v1/second-factor`

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use runtime::settings::SecondFactor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Enrolling, is_staff};
use crate::problem::Problem;

/// How the caller's second factor stands.
#[derive(Serialize, ToSchema)]
pub struct SecondFactorDocument {
    /// Whether this account has to have one.
    required: bool,
    /// Whether it has one.
    enrolled: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    enrolled_at: Option<Timestamp>,
    /// Recovery codes that are left.
    recovery_codes: i64,
}

/// How your second factor stands.
#[utoipa::path(
    get,
    path = "/v1/second-factor",
    tag = "sign-in",
    responses((status = OK, body = SecondFactorDocument))
)]
pub async fn read_second_factor(
    State(app): State<App>,
    Enrolling(caller): Enrolling,
) -> Result<Json<SecondFactorDocument>, Problem> {
    let accounts = app.accounts.within(caller.correlation_id);
    let authenticator = accounts.authenticator(caller.actor.id).await?;
    let enrolled_at = authenticator.as_ref().and_then(|known| known.confirmed_at);
    Ok(Json(SecondFactorDocument {
        required: app.settings.second_factor == SecondFactor::RequiredForStaff
            && is_staff(caller.actor.role),
        enrolled: enrolled_at.is_some(),
        enrolled_at,
        recovery_codes: authenticator.map_or(0, |known| known.recovery_codes),
    }))
}
