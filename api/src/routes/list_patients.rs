//! `GET /v1/patients`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::chart::PatientDocument;
use crate::documents::ListDocument;
use crate::extract::{Clinician, Page, QueryParameters};
use crate::problem::Problem;

/// A doctor's own patients, or all of them for administrators, those who have been here longest
/// first.
#[utoipa::path(
    get,
    path = "/v1/patients",
    tag = "patients",
    params(
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<PatientDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_patients(
    State(app): State<App>,
    Clinician(caller): Clinician,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let after = page.after.map(Into::into);
    let rows = app.read_as(&caller).await?.patients(after, page.rows()).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let note = Note::search(ResourceKind::Patient, rows.iter().map(|patient| patient.id));
    let items = rows.into_iter().map(PatientDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
