//! `GET /v1/dead-letters/{id}`

use axum::Json;
use axum::extract::State;
use contracts::masking;
use domain::DeadLetterId;

use crate::app::App;
use crate::extract::{Id, Maintainer};
use crate::letters::ReadLetterDocument;
use crate::problem::{Problem, ProblemType};

/// One dead letter, its message masked: structure and types, and nobody's data.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{id}",
    tag = "dead letters",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = ReadLetterDocument))
)]
pub async fn read_dead_letter(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    Id(id): Id<DeadLetterId>,
) -> Result<Json<ReadLetterDocument>, Problem> {
    let mut reading = app.read_as(&caller).await?;
    let letter = reading.dead_letter(id).await?.ok_or(ProblemType::NotFound)?;
    let actions = reading.dead_letter_actions(id).await?;
    drop(reading);
    let stored = app.bus.dead_letter(letter.dead_sequence).await?;
    let payload = stored.map(|stored| masking::masked(&stored.body));
    Ok(Json(ReadLetterDocument::new(letter, payload, true, actions)))
}
