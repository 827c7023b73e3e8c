//! Table `healthcare_services`: visit types.

use contracts::ServiceState;
use domain::{HealthcareServiceId, Modality};
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// Which visit types, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceFilter<'a> {
    /// Offered by practitioners of this specialty.
    pub specialty: Option<&'a str>,
    /// In person or by video.
    pub modality: Option<Modality>,
    /// Active ones, or those that aren't; both when it doesn't matter.
    pub active: Option<bool>,
    /// Behind this one.
    pub after: Option<HealthcareServiceId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    version: i32,
    name: String,
    specialty: Option<String>,
    modality: String,
    duration_minutes: i16,
    buffer_before_minutes: i16,
    buffer_after_minutes: i16,
    alignment_minutes: i16,
    minimum_notice_minutes: i32,
    horizon_days: i16,
    active: bool,
}

impl TryFrom<Row> for ServiceState {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            version: row.version,
            name: row.name,
            specialty: row.specialty,
            modality: row.modality.parse().map_err(|_| StoreError::BadRow {
                table: "healthcare_services",
                column: "modality",
                id: row.id.to_string(),
            })?,
            duration_minutes: row.duration_minutes,
            buffer_before_minutes: row.buffer_before_minutes,
            buffer_after_minutes: row.buffer_after_minutes,
            alignment_minutes: row.alignment_minutes,
            minimum_notice_minutes: row.minimum_notice_minutes,
            horizon_days: row.horizon_days,
            active: row.active,
        })
    }
}

impl CallerTx {
    /// Visit types.
    pub async fn services(
        &mut self,
        filter: ServiceFilter<'_>,
    ) -> Result<Vec<ServiceState>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, version, name, specialty, modality, duration_minutes,
                 buffer_before_minutes, buffer_after_minutes, alignment_minutes,
                 minimum_notice_minutes, horizon_days, active
             FROM healthcare_services
             WHERE ($1::text IS NULL OR specialty IS NULL OR specialty = $1)
               AND modality = coalesce($2, modality) AND active = coalesce($3, active)
               AND id > $4
             ORDER BY id
             LIMIT $5",
            filter.specialty,
            filter.modality.map(Modality::as_str),
            filter.active,
            filter.after.map_or(BEFORE_ALL, HealthcareServiceId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One visit type.
    pub async fn service(
        &mut self,
        id: HealthcareServiceId,
    ) -> Result<Option<ServiceState>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "SELECT id, version, name, specialty, modality, duration_minutes,
                 buffer_before_minutes, buffer_after_minutes, alignment_minutes,
                 minimum_notice_minutes, horizon_days, active
             FROM healthcare_services WHERE id = $1",
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }
}
