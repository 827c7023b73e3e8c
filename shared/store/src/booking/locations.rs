//! `locations`: where patients come.

use std::collections::{HashMap, HashSet};

use contracts::LocationState;
use domain::LocationId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

const STATES: &str = "
    SELECT id, version, name, time_zone, active FROM locations WHERE id = ANY ($1)";

/// Those of `ids` that exist.
pub async fn states(
    transaction: &Transaction<'_>,
    ids: &[LocationId],
) -> Result<HashMap<LocationId, LocationState>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(STATES, &[&ids]).await?;
    rows.iter().map(|row| state(row).map(|state| (state.id, state))).collect()
}

fn state(row: &Row) -> Result<LocationState, Failure> {
    Ok(LocationState {
        id: row.try_get::<_, Uuid>(0)?.into(),
        version: row.try_get(1)?,
        name: row.try_get(2)?,
        time_zone: row.try_get(3)?,
        active: row.try_get(4)?,
    })
}

const INACTIVE: &str = "SELECT id FROM locations WHERE NOT active";

/// Those at which nobody is seen any more.
pub async fn inactive(transaction: &Transaction<'_>) -> Result<HashSet<LocationId>, Failure> {
    let rows = transaction.query(INACTIVE, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Uuid>(0)?.into())).collect()
}

const PUT: &str = "
    INSERT INTO locations AS known (id, version, name, time_zone, active)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::boolean[])
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name,
        time_zone = excluded.time_zone, active = excluded.active
    WHERE known.version = excluded.version - 1";

/// Makes locations, or brings them to their next version, and counts them. Each may appear once.
pub async fn put(
    transaction: &Transaction<'_>,
    locations: &[&LocationState],
) -> Result<u64, Failure> {
    let ids: Vec<Uuid> = locations.iter().map(|location| location.id.as_uuid()).collect();
    let versions: Vec<i32> = locations.iter().map(|location| location.version).collect();
    let names: Vec<&str> = locations.iter().map(|location| location.name.as_str()).collect();
    let zones: Vec<&str> = locations.iter().map(|location| location.time_zone.as_str()).collect();
    let active: Vec<bool> = locations.iter().map(|location| location.active).collect();
    let parameters: &[&(dyn ToSql + Sync)] = &[&ids, &versions, &names, &zones, &active];
    transaction.execute(PUT, parameters).await
}
