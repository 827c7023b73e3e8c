//! `/admin/knobs` and `/admin/payers/{payer}/knobs`: how it behaves, read, set and reset.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::payer;
use crate::knobs::{AllKnobs, Knobs, PresentKnobs};
use crate::problem::{Problem, read_json};
use crate::simulator::Simulator;

pub async fn read_all(State(simulator): State<Arc<Simulator>>) -> Json<AllKnobs> {
    Json(simulator.knobs())
}

pub async fn set_all(
    State(simulator): State<Arc<Simulator>>,
    body: Body,
) -> Result<Json<PresentKnobs>, Problem> {
    Ok(Json(simulator.set_all(checked(body).await?)))
}

pub async fn reset_all(State(simulator): State<Arc<Simulator>>) -> StatusCode {
    simulator.reset_all();
    StatusCode::NO_CONTENT
}

pub async fn read(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<Json<PresentKnobs>, Problem> {
    Ok(Json(simulator.knobs_of(&payer(&id)?)))
}

pub async fn set(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<PresentKnobs>, Problem> {
    let present = simulator.set(&payer(&id)?, checked(body).await?);
    present.map(Json).map_err(|error| Problem::new(StatusCode::CONFLICT, error.to_string()))
}

pub async fn reset(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    simulator.reset(&payer(&id)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn checked(body: Body) -> Result<Knobs, Problem> {
    let knobs: Knobs = read_json(body).await?;
    let checked = knobs.check();
    checked.map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    Ok(knobs)
}
