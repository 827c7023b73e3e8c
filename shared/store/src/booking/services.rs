//! `healthcare_services`: visit types.

use std::collections::HashMap;

use contracts::ServiceState;
use domain::HealthcareServiceId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

const STATES: &str = "
    SELECT id, version, name, specialty, modality, duration_minutes, buffer_before_minutes,
        buffer_after_minutes, alignment_minutes, minimum_notice_minutes, horizon_days, active
    FROM healthcare_services WHERE id = ANY ($1)";

/// Those of `ids` that exist.
pub async fn states(
    transaction: &Transaction<'_>,
    ids: &[HealthcareServiceId],
) -> Result<HashMap<HealthcareServiceId, ServiceState>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(STATES, &[&ids]).await?;
    rows.iter().map(|row| state(row).map(|state| (state.id, state))).collect()
}

fn state(row: &Row) -> Result<ServiceState, Failure> {
    let id: Uuid = row.try_get(0)?;
    let modality = row.try_get::<_, &str>(4)?.parse();
    Ok(ServiceState {
        id: id.into(),
        version: row.try_get(1)?,
        name: row.try_get(2)?,
        specialty: row.try_get(3)?,
        modality: modality
            .map_err(|_| Failure::unreadable_row("healthcare_services.modality", id))?,
        duration_minutes: row.try_get(5)?,
        buffer_before_minutes: row.try_get(6)?,
        buffer_after_minutes: row.try_get(7)?,
        alignment_minutes: row.try_get(8)?,
        minimum_notice_minutes: row.try_get(9)?,
        horizon_days: row.try_get(10)?,
        active: row.try_get(11)?,
    })
}

const PUT: &str = "
    INSERT INTO healthcare_services AS known
        (id, version, name, specialty, modality, duration_minutes, buffer_before_minutes,
         buffer_after_minutes, alignment_minutes, minimum_notice_minutes, horizon_days, active)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[],
        $6::smallint[], $7::smallint[], $8::smallint[], $9::smallint[], $10::integer[],
        $11::smallint[], $12::boolean[])
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name,
        specialty = excluded.specialty, modality = excluded.modality,
        duration_minutes = excluded.duration_minutes,
        buffer_before_minutes = excluded.buffer_before_minutes,
        buffer_after_minutes = excluded.buffer_after_minutes,
        alignment_minutes = excluded.alignment_minutes,
        minimum_notice_minutes = excluded.minimum_notice_minutes,
        horizon_days = excluded.horizon_days, active = excluded.active
    WHERE known.version = excluded.version - 1";

/// Makes visit types, or brings them to their next version, and counts them. Each may appear once.
pub async fn put(
    transaction: &Transaction<'_>,
    services: &[&ServiceState],
) -> Result<u64, Failure> {
    fn column<'a, T>(services: &[&'a ServiceState], of: impl Fn(&'a ServiceState) -> T) -> Vec<T> {
        services.iter().map(|service| of(service)).collect()
    }
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &column(services, |service| service.id.as_uuid()),
        &column(services, |service| service.version),
        &column(services, |service| service.name.as_str()),
        &column(services, |service| service.specialty.as_deref()),
        &column(services, |service| service.modality.as_str()),
        &column(services, |service| service.duration_minutes),
        &column(services, |service| service.buffer_before_minutes),
        &column(services, |service| service.buffer_after_minutes),
        &column(services, |service| service.alignment_minutes),
        &column(services, |service| service.minimum_notice_minutes),
        &column(services, |service| service.horizon_days),
        &column(services, |service| service.active),
    ];
    transaction.execute(PUT, parameters).await
}
