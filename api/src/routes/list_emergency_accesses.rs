//! `GET /v1/emergency-access`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use store::reading::EmergencyFilter;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::emergency::EmergencyAccessDocument;
use crate::extract::{Clinician, Page, QueryParameters};
use crate::problem::Problem;

/// Charts that were opened in an emergency, oldest first: all of them for administrators, who review
/// them (`reviewed=false` is what waits), their own for doctors.
#[utoipa::path(
    get,
    path = "/v1/emergency-access",
    tag = "patients",
    params(
        ("reviewed" = Option<bool>, Query, description = "Only those that were, or weren't"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<EmergencyAccessDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_emergency_accesses(
    State(app): State<App>,
    Clinician(caller): Clinician,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let is_reviewed = query.take("reviewed", "true or false", |text| text.parse().ok())?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let (after, limit) = (page.after.map(Into::into), page.rows());
    let filter = EmergencyFilter { is_reviewed, after, limit };
    let rows = app.read_as(&caller).await?.emergency_accesses(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let patients = rows.iter().map(|access| access.patient_id);
    let note = Note::search(ResourceKind::Consent, patients);
    let now = app.clock.now();
    let items = rows.into_iter().map(|access| EmergencyAccessDocument::of(access, now)).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
