//! The audit log, for administrators; nobody else sees any of it.

use domain::{CorrelationId, PatientId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// A row of the audit log.
#[derive(Clone, Debug)]
pub struct AuditLogRow {
    /// Its place in the log.
    pub position: i64,
    /// What is recorded.
    pub kind: String,
    /// When.
    pub recorded_at: Timestamp,
    /// FHIR `AuditEvent.action`.
    pub action: Option<String>,
    /// By which operation, or which fact.
    pub operation: Option<String>,
    /// FHIR `AuditEvent.outcome`.
    pub outcome: i16,
    /// Why it was refused, or couldn't be read.
    pub reason: Option<String>,
    /// Why it was done, in the words of whoever did it.
    pub stated_reason: Option<String>,
    /// Who.
    pub user_id: Option<UserId>,
    /// In which role.
    pub role: Option<String>,
    /// In which sign-in.
    pub session_id: Option<Uuid>,
    /// From where.
    pub source_address: Option<String>,
    /// Why.
    pub purpose: Option<String>,
    /// About what.
    pub resource_kind: Option<String>,
    /// Which.
    pub resource_id: Option<Uuid>,
    /// In which version.
    pub resource_version: Option<i32>,
    /// Whose data was shown or changed.
    pub patient_id: Option<PatientId>,
    /// How often.
    pub occurrences: i32,
    /// Of the request.
    pub correlation_id: Option<CorrelationId>,
    /// Who recorded it.
    pub source: Option<String>,
}

/// Which rows, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter {
    /// About this patient.
    pub patient: Option<PatientId>,
    /// By this user.
    pub user: Option<UserId>,
    /// Of this request.
    pub correlation_id: Option<CorrelationId>,
    /// Recorded then or later.
    pub from: Option<Timestamp>,
    /// Recorded before then.
    pub to: Option<Timestamp>,
    /// Behind this one, which is to say older.
    pub after: Option<AuditPosition>,
    /// At most so many.
    pub limit: i64,
}

/// A place in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPosition {
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its place in the log.
    pub position: i64,
}

impl CallerTx {
    /// Rows of the audit log that the caller may see, newest first.
    pub async fn audit_log(&mut self, filter: AuditFilter) -> Result<Vec<AuditLogRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT position AS "position!", kind AS "kind!",
                   recorded_at AS "recorded_at!: jiff_sqlx::Timestamp", action, operation,
                   outcome AS "outcome!", reason, stated_reason, user_id, role, session_id,
                   source_address, purpose, resource_kind, resource_id, resource_version, patient_id,
                   occurrences AS "occurrences!", correlation_id, source
               FROM audit_page($1, $2, $3, $4, $5, $6, $7, $8)"#,
            filter.patient.map(PatientId::as_uuid),
            filter.user.map(UserId::as_uuid),
            filter.correlation_id.map(CorrelationId::as_uuid),
            filter.from.map(jiff_sqlx::Timestamp::from) as _,
            filter.to.map(jiff_sqlx::Timestamp::from) as _,
            filter.after.map(|after| jiff_sqlx::Timestamp::from(after.recorded_at)) as _,
            filter.after.map(|after| after.position),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        let rows = rows.into_iter().map(|row| AuditLogRow {
            position: row.position,
            kind: row.kind,
            recorded_at: row.recorded_at.to_jiff(),
            action: row.action,
            operation: row.operation,
            outcome: row.outcome,
            reason: row.reason,
            stated_reason: row.stated_reason,
            user_id: row.user_id.map(Into::into),
            role: row.role,
            session_id: row.session_id,
            source_address: row.source_address,
            purpose: row.purpose,
            resource_kind: row.resource_kind,
            resource_id: row.resource_id,
            resource_version: row.resource_version,
            patient_id: row.patient_id.map(Into::into),
            occurrences: row.occurrences,
            correlation_id: row.correlation_id.map(Into::into),
            source: row.source,
        });
        Ok(rows.collect())
    }
}
