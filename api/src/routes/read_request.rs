//! `GET /v1/requests/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bus::StoredRequest;
use contracts::audit::ResourceKind;
use contracts::{Applied, Outcome};
use domain::RequestId;
use store::StoreError;
use store::reading::SettledRequest;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::{RequestDocument, RequestStatus};
use crate::extract::{Caller, Id};
use crate::outcome;
use crate::problem::{Problem, ProblemType};

/// Said of a request whose end only the database would know.
const END_UNKNOWN: &str = "accepted; whether it has been settled can't be looked up at the moment";

/// Said of a request that no worker could settle.
const HELD: &str = "it couldn't be settled automatically; a person will look at it";

/// Where a request stands, and how it ended. Only whoever made it sees it.
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
    tag = "requests",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = RequestDocument,
        headers(("Retry-After" = u32, description = "While it waits: when to look again"))))
)]
pub async fn read_request(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RequestId>,
) -> Result<Audited<Response>, Problem> {
    let outage = match settled(&app, &caller, id).await {
        Ok(Some(settled)) => return Ok(show_settled(id, settled)),
        Ok(None) => None,
        Err(error) if error.is_outage() => Some(error),
        Err(error) => return Err(error.into()),
    };
    let Some(stored) = own_message(&app, &caller, id).await? else {
        return Err(not_found(outage));
    };
    let mut document = document_of_message(&stored);
    if outage.is_some() && document.status == RequestStatus::Accepted {
        document.detail = Some(END_UNKNOWN);
    }
    let is_waiting = document.status == RequestStatus::Accepted;
    let response = Json(document).into_response();
    let response = if is_waiting { outcome::look_again(response) } else { response };
    Ok(Audited::of_nobody(response))
}

/// The answer about a request that has ended: it may show a visit.
pub(super) fn show_settled(id: RequestId, settled: SettledRequest) -> Audited<Response> {
    let patient = match settled.outcome.result() {
        Some(Applied::Appointment(visit)) => Some(visit.patient_id),
        Some(Applied::Series(series)) => series.appointments.first().map(|it| it.patient_id),
        Some(Applied::Note(note)) => Some(note.patient_id),
        Some(Applied::CareRelation(relation)) => Some(relation.patient_id),
        Some(
            Applied::Availability { .. }
            | Applied::Exception { .. }
            | Applied::Location(_)
            | Applied::Service(_)
            | Applied::Withdrawal { .. },
        )
        | None => None,
    };
    let answer = Json(document_of_settled(id, settled)).into_response();
    match patient {
        Some(patient) => {
            Audited::new(Note::read(ResourceKind::Task, id.as_uuid(), patient), answer)
        }
        None => Audited::of_nobody(answer),
    }
}

/// The inbox's row, if the request has ended and is the caller's.
pub(super) async fn settled(
    app: &App,
    caller: &Caller,
    id: RequestId,
) -> Result<Option<SettledRequest>, StoreError> {
    app.read_as(caller).await?.settled_request(id).await
}

/// There is no message of it. The messages of requests that have ended are purged at some time, so
/// without the inbox nobody can say that there never was one.
pub(super) fn not_found(outage: Option<StoreError>) -> Problem {
    outage.map_or_else(|| ProblemType::NotFound.into(), Into::into)
}

/// The request's message, if it is the caller's.
pub(super) async fn own_message(
    app: &App,
    caller: &Caller,
    id: RequestId,
) -> Result<Option<StoredRequest>, Problem> {
    let stored = app.bus.find_request(id).await?;
    Ok(stored.filter(|stored| stored.metadata.actor.id == caller.actor.id))
}

/// A request that has ended.
pub(super) fn document_of_settled(id: RequestId, settled: SettledRequest) -> RequestDocument {
    let correlation_id = settled.correlation_id;
    let (result, problem) = match &settled.outcome {
        Outcome::Applied { result } => (serde_json::to_value(result).ok(), None),
        Outcome::Rejected { reason } => (None, Some(outcome::rejected(*reason))),
        Outcome::Blocked { reason, times } => (None, Some(outcome::blocked(*reason, times))),
        Outcome::Withdrawn => (None, None),
    };
    let instance = format!("/v1/requests/{id}");
    RequestDocument {
        id,
        kind: settled.kind,
        status: (&settled.outcome).into(),
        accepted_at: settled.accepted_at,
        settled_at: Some(settled.settled_at),
        result,
        problem: problem.map(|problem| problem.document(correlation_id, Some(instance))),
        correlation_id,
        detail: None,
    }
}

/// A request that hasn't ended, as far as anybody knows.
fn document_of_message(stored: &StoredRequest) -> RequestDocument {
    let (status, detail) = if stored.held_for_review {
        (RequestStatus::HeldForReview, Some(HELD))
    } else {
        (RequestStatus::Accepted, None)
    };
    RequestDocument {
        id: stored.metadata.request_id,
        kind: stored.kind.as_str().to_owned(),
        status,
        accepted_at: stored.metadata.accepted_at,
        settled_at: None,
        result: None,
        problem: None,
        correlation_id: stored.metadata.correlation_id,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use contracts::Rejection;
    use domain::CorrelationId;
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn ended(outcome: Outcome) -> serde_json::Value {
        let settled = SettledRequest {
            kind: "book".to_owned(),
            outcome,
            correlation_id: CorrelationId::from(Uuid::nil()),
            accepted_at: Timestamp::UNIX_EPOCH,
            settled_at: Timestamp::UNIX_EPOCH,
        };
        serde_json::to_value(document_of_settled(Uuid::nil().into(), settled)).unwrap()
    }

    #[test]
    fn a_rejected_request_holds_its_problem() {
        let document = ended(Outcome::Rejected { reason: Rejection::SlotTaken });
        assert_eq!(document["status"], "rejected");
        assert_eq!(document["problem"]["type"], "/problems/slot_taken");
        assert_eq!(document["problem"]["status"], 409);
        assert_eq!(document["problem"]["correlation_id"], document["correlation_id"]);
    }

    #[test]
    fn a_withdrawn_request_has_neither_result_nor_problem() {
        let nil = Uuid::nil();
        assert_eq!(
            ended(Outcome::Withdrawn),
            json!({
                "id": nil, "kind": "book", "status": "withdrawn", "correlation_id": nil,
                "accepted_at": "1970-01-01T00:00:00Z", "settled_at": "1970-01-01T00:00:00Z",
            })
        );
    }
}
