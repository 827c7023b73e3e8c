//! `DELETE /v1/care-relations/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Applied, BookingCommand, EndCare, Route};
use domain::CareRelationId;

use crate::app::App;
use crate::commands::Order;
use crate::documents::AcceptedDocument;
use crate::extract::{Administrator, Id, IdempotencyKey, Prefer};
use crate::outcome;
use crate::problem::Problem;
use crate::visits::CareRelationDocument;

/// Say that a doctor no longer cares for a patient. That they did stays on record.
#[utoipa::path(
    delete,
    path = "/v1/care-relations/{id}",
    tag = "administration",
    params(
        ("id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "One effect per key"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: wait for the outcome"),
    ),
    responses(
        (status = OK, body = CareRelationDocument, description = "Ended, within the wait"),
        (status = ACCEPTED, body = AcceptedDocument, description = "Durable; not settled yet"),
    )
)]
pub async fn end_care(
    State(app): State<App>,
    Administrator(caller): Administrator,
    Id(care_relation_id): Id<CareRelationId>,
    key: IdempotencyKey,
    prefer: Prefer,
) -> Result<Response, Problem> {
    let command = BookingCommand::EndCare(EndCare { care_relation_id });
    let route = Route::EndCare;
    let submitted = app.submit(Order { caller, route, command, key, prefer }).await?;
    Ok(outcome::answer(&submitted, |applied| match applied {
        Applied::CareRelation(relation) => {
            Some(Json(CareRelationDocument::from(relation)).into_response())
        }
        _ => None,
    }))
}
