//! `POST /v1/dead-letters/{id}/replay`

use axum::Json;
use axum::extract::State;
use contracts::audit::StatedReason;
use domain::DeadLetterId;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::Recorder;
use crate::extract::{Form, Id, Maintainer};
use crate::letters::{LetterDocument, ReplayOrder};
use crate::problem::Problem;

/// Why a letter is tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayForm {
    /// Why, in 3 to 200 characters.
    #[schema(value_type = String)]
    reason: StatedReason,
    /// Only look whether it makes sense.
    #[serde(default)]
    dry_run: bool,
    /// Stands for this decision: asking again with the same one is no second replay.
    #[schema(value_type = Option<String>, format = Uuid)]
    operation_id: Option<Uuid>,
}

/// Try a dead letter again: its message goes back into the stream it came from, as it was
/// accepted. Refused when that makes no sense: its request has ended, can't be done any more, was
/// superseded, or would fail again. The answer is the letter as it stands afterwards.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/replay",
    tag = "dead letters",
    params(("id" = String, Path, format = Uuid)),
    request_body = ReplayForm,
    responses((status = OK, body = LetterDocument))
)]
pub async fn replay_dead_letter(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    recorder: Recorder,
    Id(id): Id<DeadLetterId>,
    Form(form): Form<ReplayForm>,
) -> Result<Json<LetterDocument>, Problem> {
    let operation = form.operation_id.unwrap_or_else(Uuid::now_v7);
    let order = ReplayOrder { id, operation, reason: &form.reason, dry_run: form.dry_run };
    app.replay(&caller, &recorder, order).await?;
    Ok(Json(app.letter(&caller, id).await?.into()))
}
