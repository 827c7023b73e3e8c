//! `POST /v1/dead-letters/{id}/rehearse`

use axum::Json;
use axum::extract::State;
use domain::DeadLetterId;

use crate::app::App;
use crate::extract::{Id, Maintainer};
use crate::letters::RehearsalDocument;
use crate::problem::Problem;

/// What a replay would do: a worker runs the message's handler, and rolls back.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/rehearse",
    tag = "dead letters",
    params(("id" = String, Path, format = Uuid)),
    responses((status = OK, body = RehearsalDocument))
)]
pub async fn rehearse_dead_letter(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    Id(id): Id<DeadLetterId>,
) -> Result<Json<RehearsalDocument>, Problem> {
    let letter = app.letter(&caller, id).await?;
    Ok(Json(app.rehearse(&letter).await?.into()))
}
