//! Table `appointment_status_history`: what has happened to a visit, as far as the caller may see
//! it.

use domain::{AppointmentId, AppointmentStatus, CancelationReason, PractitionerId, Role, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// A visit as it stood after one change.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// Its version then.
    pub version: i32,
    /// Its status then.
    pub status: AppointmentStatus,
    /// Why it was called off.
    pub reason: Option<CancelationReason>,
    /// With whom and when it was then; none of what is older than the record of that.
    pub planned: Option<(PractitionerId, Timestamp, Timestamp)>,
    /// It took another change back.
    pub is_undo: bool,
    /// When it was changed.
    pub changed_at: Timestamp,
    /// By whom.
    pub actor_id: UserId,
    /// In which role.
    pub actor_role: Role,
}

struct Row {
    version: i32,
    status: String,
    reason: Option<String>,
    practitioner_id: Option<Uuid>,
    start: Option<jiff_sqlx::Timestamp>,
    end: Option<jiff_sqlx::Timestamp>,
    is_undo: bool,
    changed_at: jiff_sqlx::Timestamp,
    actor_id: Uuid,
    actor_role: String,
}

impl CallerTx {
    /// What has happened to a visit, from its first version on; nothing of one that the caller may
    /// not see.
    pub async fn history_of_appointment(
        &mut self,
        id: AppointmentId,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT version, status, reason, practitioner_id,
                   lower(during) AS "start: jiff_sqlx::Timestamp",
                   upper(during) AS "end: jiff_sqlx::Timestamp", is_undo,
                   changed_at AS "changed_at: jiff_sqlx::Timestamp", actor_id, actor_role
               FROM appointment_status_history WHERE appointment_id = $1
               ORDER BY version"#,
            id.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        let bad = |column| StoreError::BadRow {
            table: "appointment_status_history",
            column,
            id: id.to_string(),
        };
        let row = |row: Row| {
            let times = row.start.zip(row.end);
            Ok(HistoryRow {
                version: row.version,
                status: row.status.parse().map_err(|_| bad("status"))?,
                reason: row
                    .reason
                    .map(|reason| reason.parse().map_err(|_| bad("reason")))
                    .transpose()?,
                planned: row
                    .practitioner_id
                    .zip(times)
                    .map(|(whom, (start, end))| (whom.into(), start.to_jiff(), end.to_jiff())),
                is_undo: row.is_undo,
                changed_at: row.changed_at.to_jiff(),
                actor_id: row.actor_id.into(),
                actor_role: row.actor_role.parse().map_err(|_| bad("actor_role"))?,
            })
        };
        rows.into_iter().map(row).collect()
    }
}
