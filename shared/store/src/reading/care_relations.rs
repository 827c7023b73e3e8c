//! Table `care_relations`: who cares for whom, as far as the caller may see it.

use contracts::CareRelationState;
use domain::PatientId;

use super::CallerTx;
use crate::StoreError;

impl CallerTx {
    /// Who cares, or has cared, for a patient; the latest first. None when there is no such patient,
    /// or none that the caller may see.
    pub async fn care_relations_of(
        &mut self,
        patient: PatientId,
    ) -> Result<Option<Vec<CareRelationState>>, StoreError> {
        let is_known = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM patients WHERE id = $1) AS "known!""#,
            patient.as_uuid(),
        )
        .fetch_one(self.connection())
        .await?;
        if !is_known {
            return Ok(None);
        }
        let rows = sqlx::query!(
            r#"SELECT id, practitioner_id, patient_id,
                   since AS "since: jiff_sqlx::Timestamp",
                   until AS "until: jiff_sqlx::Timestamp"
               FROM care_relations WHERE patient_id = $1
               ORDER BY since DESC, id
               LIMIT 200"#,
            patient.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        let relations = rows.into_iter().map(|row| CareRelationState {
            id: row.id.into(),
            practitioner_id: row.practitioner_id.into(),
            patient_id: row.patient_id.into(),
            since: row.since.to_jiff(),
            until: row.until.map(jiff_sqlx::Timestamp::to_jiff),
        });
        Ok(Some(relations.collect()))
    }
}
