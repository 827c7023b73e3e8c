//! The paths of the server.

mod calls;
mod check_eligibility;
mod healthz;
mod knobs;
mod redirected;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use contracts::insurer::ELIGIBILITY_PATH;
use domain::PayerId;

use crate::misbehaviour::REDIRECTED_PATH;
use crate::problem::Problem;
use crate::simulator::Simulator;

/// All paths.
pub fn router(simulator: Arc<Simulator>) -> Router {
    Router::new()
        .route(ELIGIBILITY_PATH, post(check_eligibility::check_eligibility))
        .route(REDIRECTED_PATH, any(redirected::redirected))
        .route("/healthz", get(healthz::healthz))
        .route("/admin/knobs", get(knobs::read_all).put(knobs::set_all).delete(knobs::reset_all))
        .route("/admin/payers/{payer}/knobs", get(knobs::read).put(knobs::set).delete(knobs::reset))
        .route("/admin/calls", get(calls::read_all).delete(calls::forget_all))
        .route("/admin/payers/{payer}/calls", get(calls::read).delete(calls::forget))
        .fallback(nothing_here)
        .with_state(simulator)
}

async fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!(
            "questions are posted to {ELIGIBILITY_PATH}; knobs are at /admin/knobs and \
             /admin/payers/{{payer}}/knobs, counts at /admin/calls and \
             /admin/payers/{{payer}}/calls"
        ),
    )
}

/// The payer that a path names.
fn payer(text: &str) -> Result<PayerId, Problem> {
    text.parse::<PayerId>()
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}
