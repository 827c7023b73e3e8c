//! `GET /v1/me/record-access`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::{PurposeOfUse, ResourceKind};
use domain::PatientId;
use jiff::Timestamp;
use serde::Serialize;
use store::reading::{AuditPosition, RecordAccess};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::{ListDocument, NameDocument};
use crate::extract::{Page, QueryParameters, Themselves};
use crate::problem::Problem;

/// Somebody saw or changed something of yours.
#[derive(Clone, Serialize, ToSchema)]
pub struct RecordAccessDocument {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// What was done: `read`, `search` (you were in a list), `change`, `fact` (of a visit),
    /// `emergency-access` (a chart was opened or closed in an emergency, or that was reviewed),
    /// `unmasking` and others.
    #[schema(example = "read")]
    kind: String,
    /// FHIR: `C`, `R`, `U`, `D` or `E`.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// What was seen or changed: FHIR's name of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Appointment")]
    resource_kind: Option<String>,
    /// In which role: `doctor`, `admin` (also the front desk), `operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "doctor")]
    role: Option<String>,
    /// What they are called: doctors.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<NameDocument>,
    /// By a doctor who isn't yours, who said that it was an emergency.
    is_emergency: bool,
}

impl From<RecordAccess> for RecordAccessDocument {
    fn from(access: RecordAccess) -> Self {
        let is_emergency = access.purpose.as_deref() == Some(PurposeOfUse::BreakTheGlass.as_str());
        Self {
            recorded_at: access.recorded_at,
            kind: access.kind,
            action: access.action,
            resource_kind: access.resource_kind,
            role: access.role,
            name: access.name.as_ref().map(NameDocument::from),
            is_emergency,
        }
    }
}

/// Who else has seen or changed what is yours, newest first. What was done a moment ago is here a
/// moment later. For patients.
#[utoipa::path(
    get,
    path = "/v1/me/record-access",
    tag = "patients",
    params(
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<RecordAccessDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_record_access(
    State(app): State<App>,
    Themselves(caller): Themselves,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let page = Page::take(&mut query)?;
    query.finish()?;
    let rows = app.read_as(&caller).await?.record_access(page.after, page.rows()).await?;
    let (rows, link) = page.cut(rows, &uri, |last| AuditPosition {
        recorded_at: last.recorded_at,
        position: last.position,
    });
    let items = rows.into_iter().map(RecordAccessDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    let note = Note::search(ResourceKind::AuditEvent, [PatientId::from(caller.actor.id)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
