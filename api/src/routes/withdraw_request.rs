//! `DELETE /v1/requests/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, BookingKind, Outcome, Route, WithdrawRequest};
use domain::RequestId;

use super::read_request::{document_of_settled, not_found, own_message, settled, show_settled};
use crate::app::App;
use crate::audit::{Audited, Note};
use crate::commands::{Order, Submitted};
use crate::documents::{AcceptedDocument, RequestDocument, RequestStatus};
use crate::extract::{Caller, Id, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::{Problem, ProblemType};

/// Take a request back that still waits. Only whoever made it can.
#[utoipa::path(
    delete,
    path = "/v1/requests/{id}",
    tag = "requests",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    responses(
        (status = OK, body = RequestDocument, description = "Withdrawn, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn withdraw_request(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RequestId>,
    key: IdempotencyKey,
    prefer: Prefer,
) -> Result<Audited<Response>, Problem> {
    let outage = match settled(&app, &caller, id).await {
        Ok(Some(settled)) if settled.outcome == Outcome::Withdrawn => {
            return Ok(show_settled(id, settled));
        }
        Ok(Some(_)) => return Err(ProblemType::AlreadySettled.into()),
        Ok(None) => None,
        // Withdrawing is possible all the same; the worker will know.
        Err(error) if error.is_outage() => Some(error),
        Err(error) => return Err(error.into()),
    };
    let target = own_message(&app, &caller, id).await?.ok_or_else(|| not_found(outage))?;
    if target.kind == BookingKind::Withdraw {
        let refusal = Problem::new(ProblemType::NotCancellable);
        return Err(refusal.with_detail("a withdrawal can't be withdrawn"));
    }
    let withdrawal = WithdrawRequest::of(&target.metadata, target.kind, target.stream_sequence);
    let command = BookingCommand::Withdraw(withdrawal);
    let route = Route::WithdrawRequest;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    let document = withdrawn(&app, &caller, &submitted, id, &target).await;
    let answer = outcome::answer(&submitted, |applied| match applied {
        Applied::Withdrawal { .. } => Some(Json(document).into_response()),
        _ => None,
    });
    Ok(Audited::new(Note::withdrawal(id), answer))
}

/// The target as the inbox has it now, or as its message and the outcome say it must be.
async fn withdrawn(
    app: &App,
    caller: &Caller,
    submitted: &Submitted,
    id: RequestId,
    target: &bus::StoredRequest,
) -> RequestDocument {
    if submitted.outcome.is_some()
        && let Ok(Some(settled)) = settled(app, caller, id).await
    {
        return document_of_settled(id, settled);
    }
    RequestDocument {
        id,
        kind: target.kind.as_str().to_owned(),
        status: RequestStatus::Withdrawn,
        accepted_at: target.metadata.accepted_at,
        settled_at: None,
        result: None,
        problem: None,
        correlation_id: target.metadata.correlation_id,
        detail: None,
    }
}
