//! The question itself: is this member covered?

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contracts::insurer::EligibilityQuestion;

use crate::connection::Connection;
use crate::misbehaviour::{carry_out, refusal};
use crate::problem::read_json;
use crate::simulator::Simulator;

/// The code of a payer that is not set up.
const INVALID_PARTICIPANT: &str = "79";

pub async fn check_eligibility(
    State(simulator): State<Arc<Simulator>>,
    Extension(connection): Extension<Connection>,
    body: Body,
) -> Response {
    let question = match read(body).await {
        Ok(question) => question,
        Err(complaint) => {
            simulator.count_unreadable();
            return refusal(StatusCode::BAD_REQUEST, "INVALID_REQUEST", &complaint, None);
        }
    };
    let (planned, call) = match simulator.arrive(&question) {
        Ok(arrived) => arrived,
        Err(error) => {
            simulator.count_unreadable();
            let (status, reject) = (StatusCode::BAD_REQUEST, Some(INVALID_PARTICIPANT));
            return refusal(status, "TOO_MANY_PAYERS", &error.to_string(), reject);
        }
    };
    if !planned.latency.is_zero() {
        tokio::time::sleep(planned.latency).await;
    }
    carry_out(planned.outcome, &simulator, &question, call, connection).await
}

async fn read(body: Body) -> Result<EligibilityQuestion, String> {
    let question: EligibilityQuestion =
        read_json(body).await.map_err(crate::problem::Problem::into_detail)?;
    match complaint(&question) {
        Some(complaint) => Err(complaint.to_owned()),
        None => Ok(question),
    }
}

/// What the form alone can't say.
fn complaint(question: &EligibilityQuestion) -> Option<&'static str> {
    let provider = &question.provider;
    let is_person = provider.first_name.is_some() && provider.last_name.is_some();
    let encounter = question.encounter.as_ref();
    let has_day = encounter.is_some_and(|e| e.date_of_service.is_some());
    let has_begin = encounter.is_some_and(|e| e.beginning_date_of_service.is_some());
    let has_end = encounter.is_some_and(|e| e.end_date_of_service.is_some());
    [
        (provider.npi.is_empty(), "provider.npi is missing"),
        (
            provider.organization_name.is_none() && !is_person,
            "provider needs organizationName, or firstName and lastName",
        ),
        (question.dependents.len() > 1, "dependents holds one person at most"),
        (
            has_day && (has_begin || has_end),
            "encounter has either dateOfService, or beginningDateOfService and endDateOfService",
        ),
        (has_end && !has_begin, "encounter.endDateOfService needs beginningDateOfService"),
    ]
    .into_iter()
    .find_map(|(is_wrong, complaint)| is_wrong.then_some(complaint))
}
