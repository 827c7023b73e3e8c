//! `/redirected`: where the default redirect points. Nobody should ever come here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::simulator::Simulator;

/// Counts who comes, and answers in a form that a trusting client takes for an answer.
pub async fn redirected(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    simulator.count_followed_redirect();
    Json(json!({ "benefitsInformation": [{ "code": "6", "name": "Inactive" }] }))
}
