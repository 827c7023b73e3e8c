//! `GET /v1/audit`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::{CorrelationId, PatientId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use store::reading::{AuditFilter, AuditLogRow, AuditPosition};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{AN_INSTANT, Administrator, Page, QueryParameters, parse_instant};
use crate::problem::Problem;

const AN_ID: &str = "an id, like 0190163d-8694-739b-aea5-966c26f8ad91";

/// A row of the audit log: FHIR R4 `AuditEvent`, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditDocument {
    /// Its place in the log, which has no gaps.
    position: i64,
    /// What is recorded: `read`, `search`, `denial`, `sign-in`, `sign-in-failure`, `sign-out`,
    /// `token-reuse`, `registration`, `administration`, `maintenance`, `unmasking`,
    /// `withdrawal`, `emergency-access`, `fact`, `unreadable` or `gap`.
    kind: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// FHIR: `C`, `R`, `U`, `D` or `E`.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// By which operation, or which fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "GET /v1/appointments/{id}")]
    operation: Option<String>,
    /// FHIR: 0 success, 4 refused, 8 failed.
    outcome: i16,
    /// Why it was refused, or couldn't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why it was done, in the words of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stated_reason: Option<String>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    /// In which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// In which sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_address: Option<String>,
    /// Why: HL7 v3 PurposeOfUse.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// About what: FHIR's name of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_kind: Option<String>,
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<Uuid>,
    /// In which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<i32>,
    /// Whose data was shown or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    patient_id: Option<PatientId>,
    /// How often it happened since the last such entry.
    occurrences: i32,
    /// Of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    correlation_id: Option<CorrelationId>,
    /// Who recorded it: service and instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl From<AuditLogRow> for AuditDocument {
    fn from(row: AuditLogRow) -> Self {
        Self {
            position: row.position,
            kind: row.kind,
            recorded_at: row.recorded_at,
            action: row.action,
            operation: row.operation,
            outcome: row.outcome,
            reason: row.reason,
            stated_reason: row.stated_reason,
            user_id: row.user_id,
            role: row.role,
            session_id: row.session_id,
            source_address: row.source_address,
            purpose: row.purpose,
            resource_kind: row.resource_kind,
            resource_id: row.resource_id,
            resource_version: row.resource_version,
            patient_id: row.patient_id,
            occurrences: row.occurrences,
            correlation_id: row.correlation_id,
            source: row.source,
        }
    }
}

/// Who saw or did what, newest first. What was recorded a moment ago is here a moment later.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "administration",
    params(
        ("patient" = Option<String>, Query, format = Uuid, description = "About this patient"),
        ("user" = Option<String>, Query, format = Uuid, description = "By this user"),
        ("from" = Option<String>, Query, format = DateTime, description = "Recorded then or later"),
        ("to" = Option<String>, Query, format = DateTime, description = "Recorded before then"),
        ("correlation_id" = Option<String>, Query, format = Uuid, description = "Of this request"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<AuditDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_audit(
    State(app): State<App>,
    Administrator(caller): Administrator,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let patient = query.take("patient", AN_ID, |text| text.parse().ok())?;
    let user = query.take("user", AN_ID, |text| text.parse().ok())?;
    let correlation_id = query.take("correlation_id", AN_ID, |text| text.parse().ok())?;
    let from = query.take("from", AN_INSTANT, parse_instant)?;
    let to = query.take("to", AN_INSTANT, parse_instant)?;
    let page = Page::take(&mut query)?;
    query.finish()?;
    let (after, limit) = (page.after, page.rows());
    let filter = AuditFilter { patient, user, correlation_id, from, to, after, limit };
    let rows = app.read_as(&caller).await?.audit_log(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| AuditPosition {
        recorded_at: last.recorded_at,
        position: last.position,
    });
    let items = rows.into_iter().map(AuditDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    // Whose record was asked for. Those who merely occur in the rows aren't recorded again: the
    // record would grow by being read.
    let note = Note::search(ResourceKind::AuditEvent, patient);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
