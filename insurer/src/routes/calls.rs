//! `/admin/calls` and `/admin/payers/{payer}/calls`: what came, read and forgotten.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::payer;
use crate::counts::{AllCalls, PayerCalls};
use crate::problem::Problem;
use crate::simulator::Simulator;

pub async fn read_all(State(simulator): State<Arc<Simulator>>) -> Json<AllCalls> {
    Json(simulator.calls())
}

pub async fn forget_all(State(simulator): State<Arc<Simulator>>) -> StatusCode {
    simulator.forget_calls();
    StatusCode::NO_CONTENT
}

pub async fn read(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<Json<PayerCalls>, Problem> {
    Ok(Json(simulator.calls_of(&payer(&id)?)))
}

pub async fn forget(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    simulator.forget_calls_of(&payer(&id)?);
    Ok(StatusCode::NO_CONTENT)
}
