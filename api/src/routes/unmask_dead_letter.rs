//! `POST /v1/dead-letters/{id}/unmask`

use axum::Json;
use axum::extract::State;
use contracts::audit::StatedReason;
use domain::{DeadLetterId, PatientId};
use serde::Deserialize;
use serde_json::Value;
use store::reading::Deed;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::extract::{Form, Id, Maintainer};
use crate::letters::ReadLetterDocument;
use crate::problem::{Problem, ProblemType};

/// Why somebody has to see what was asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmaskForm {
    /// Why, in 3 to 200 characters.
    #[schema(value_type = String)]
    reason: StatedReason,
}

/// One dead letter with its message as it is. Who looks, when and why is written down first.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/unmask",
    tag = "dead letters",
    params(("id" = String, Path, format = Uuid)),
    request_body = UnmaskForm,
    responses((status = OK, body = ReadLetterDocument))
)]
pub async fn unmask_dead_letter(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    Id(id): Id<DeadLetterId>,
    Form(UnmaskForm { reason }): Form<UnmaskForm>,
) -> Result<Audited<Json<ReadLetterDocument>>, Problem> {
    let mut change = app.change_as(&caller).await?;
    let letter = change.dead_letter(id).await?.ok_or(ProblemType::NotFound)?;
    let now = app.clock.now();
    change.record_deed(id, Deed::Unmask, letter.generation, reason.as_str(), now).await?;
    let actions = change.dead_letter_actions(id).await?;
    change.commit().await?;
    tracing::warn!(
        letter.id = %id,
        actor.id = %caller.actor.id,
        actor.role = caller.actor.role.as_str(),
        "a dead letter was unmasked"
    );
    let stored = app.bus.dead_letter(letter.dead_sequence).await?;
    let payload = stored.map(|stored| {
        serde_json::from_slice(&stored.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&stored.body).into_owned()))
    });
    let note = Note::unmasking(id, reason, payload.as_ref().and_then(patient_in));
    Ok(Audited::new(note, Json(ReadLetterDocument::new(letter, payload, false, actions))))
}

/// For whom it was asked, if the message says so and can be read.
fn patient_in(payload: &Value) -> Option<PatientId> {
    // Of a series, its first visit says so.
    let asked = payload.get("first").unwrap_or(payload);
    asked.get("patient_id")?.as_str()?.parse().ok()
}
