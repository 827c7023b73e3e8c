//! `GET /.well-known/jwks.json`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;

use crate::app::App;
use crate::auth::keys::JsonWebKeySet;

/// The public keys that verify access tokens.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "sign-in",
    security(()),
    responses((status = OK, body = JsonWebKeySet))
)]
pub async fn jwks(
    State(app): State<App>,
) -> ([(HeaderName, &'static str); 1], Json<JsonWebKeySet>) {
    let keys = app.doorkeeper.authenticator.tokens().public_keys();
    ([(CACHE_CONTROL, "public, max-age=300")], Json(keys))
}
