//! Who else saw or changed what is a patient's, from the audit log: for that patient.

use domain::HumanName;
use jiff::Timestamp;

use super::{AuditPosition, CallerTx};
use crate::StoreError;

/// Somebody saw or changed something of the caller's.
#[derive(Clone, Debug)]
pub struct RecordAccess {
    /// Its place in the log.
    pub position: i64,
    /// When.
    pub recorded_at: Timestamp,
    /// What is recorded.
    pub kind: String,
    /// FHIR `AuditEvent.action`.
    pub action: Option<String>,
    /// About what.
    pub resource_kind: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// What they are called: practitioners.
    pub name: Option<HumanName>,
    /// HL7 v3 PurposeOfUse.
    pub purpose: Option<String>,
}

impl CallerTx {
    /// Who else saw or changed what is the caller's, newest first.
    pub async fn record_access(
        &mut self,
        after: Option<AuditPosition>,
        limit: i64,
    ) -> Result<Vec<RecordAccess>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT l.log_position AS "position!",
                   l.recorded_at AS "recorded_at!: jiff_sqlx::Timestamp", l.kind AS "kind!",
                   l.action, l.resource_kind, l.role, l.purpose, p.given_name AS "given_name?",
                   p.family_name AS "family_name?"
               FROM record_access($1, $2, $3) l
               LEFT JOIN practitioners p ON p.id = l.user_id
               ORDER BY l.recorded_at DESC, l.log_position DESC"#,
            after.map(|after| jiff_sqlx::Timestamp::from(after.recorded_at)) as _,
            after.map(|after| after.position),
            limit,
        )
        .fetch_all(self.connection())
        .await?;
        let access = rows.into_iter().map(|row| RecordAccess {
            position: row.position,
            recorded_at: row.recorded_at.to_jiff(),
            kind: row.kind,
            action: row.action,
            resource_kind: row.resource_kind,
            role: row.role,
            name: row
                .given_name
                .zip(row.family_name)
                .and_then(|(given, family)| HumanName::new(&given, &family).ok()),
            purpose: row.purpose,
        });
        Ok(access.collect())
    }
}
