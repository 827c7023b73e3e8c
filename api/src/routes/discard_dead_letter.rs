//! `POST /v1/dead-letters/{id}/discard`

use axum::Json;
use axum::extract::State;
use contracts::audit::{AuditAction, StatedReason};
use domain::DeadLetterId;
use serde::Deserialize;
use store::reading::Deed;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Form, Id, Maintainer};
use crate::letters::{LetterDocument, not_open};
use crate::problem::{Problem, ProblemType};

/// Why a letter isn't tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardForm {
    /// Why, in 3 to 200 characters.
    #[schema(value_type = String)]
    reason: StatedReason,
}

/// Decide that an open dead letter isn't tried again. Its bytes stay.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/discard",
    tag = "dead letters",
    params(("id" = String, Path, format = Uuid)),
    request_body = DiscardForm,
    responses((status = OK, body = LetterDocument))
)]
pub async fn discard_dead_letter(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    recorder: Recorder,
    Id(id): Id<DeadLetterId>,
    Form(DiscardForm { reason }): Form<DiscardForm>,
) -> Result<Json<LetterDocument>, Problem> {
    let now = app.clock.now();
    let mut change = app.change_as(&caller).await?;
    let discarded = change.discard(id, now).await?;
    let letter = change.dead_letter(id).await?.ok_or(ProblemType::NotFound)?;
    let Some(generation) = discarded else { return Err(not_open(letter.state.as_str())) };
    change.record_deed(id, Deed::Discard, generation, reason.as_str(), now).await?;
    let note = Note::maintenance(AuditAction::Update, id, &reason);
    recorder.around(note, async { Ok(change.commit().await?) }).await?;
    tracing::info!(letter.id = %id, "a dead letter was discarded");
    Ok(Json(letter.into()))
}
