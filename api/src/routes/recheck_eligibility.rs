//! `POST /v1/eligibility-checks/{id}/recheck`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::EligibilityCheckId;

use crate::app::App;
use crate::audit::Recorder;
use crate::coverage::CheckDocument;
use crate::extract::{Booker, Id};
use crate::problem::Problem;

/// Have the insurer asked at once. However often and by however many this is wanted within a minute
/// (or as it is set up), the insurer is asked once. Patients ask about their own.
#[utoipa::path(
    post,
    path = "/v1/eligibility-checks/{id}/recheck",
    tag = "coverages",
    params(("id" = String, Path, format = Uuid)),
    responses((status = ACCEPTED, body = CheckDocument))
)]
pub async fn recheck_eligibility(
    State(app): State<App>,
    Booker(caller): Booker,
    recorder: Recorder,
    Id(id): Id<EligibilityCheckId>,
) -> Result<(StatusCode, Json<CheckDocument>), Problem> {
    let check = app.recheck(&caller, &recorder, id).await?;
    Ok((StatusCode::ACCEPTED, Json(check)))
}
