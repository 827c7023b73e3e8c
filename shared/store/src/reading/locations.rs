//! Table `locations`: where patients come.

use std::collections::HashSet;

use contracts::LocationState;
use domain::LocationId;
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// Which locations, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocationFilter {
    /// Active ones, or those that aren't; both when it doesn't matter.
    pub active: Option<bool>,
    /// Behind this one.
    pub after: Option<LocationId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    version: i32,
    name: String,
    time_zone: String,
    active: bool,
}

impl From<Row> for LocationState {
    fn from(row: Row) -> Self {
        let Row { id, version, name, time_zone, active } = row;
        Self { id: id.into(), version, name, time_zone, active }
    }
}

impl CallerTx {
    /// Locations.
    pub async fn locations(
        &mut self,
        filter: LocationFilter,
    ) -> Result<Vec<LocationState>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, version, name, time_zone, active FROM locations
             WHERE active = coalesce($1, active) AND id > $2
             ORDER BY id
             LIMIT $3",
            filter.active,
            filter.after.map_or(BEFORE_ALL, LocationId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// One location.
    pub async fn location(&mut self, id: LocationId) -> Result<Option<LocationState>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "SELECT id, version, name, time_zone, active FROM locations WHERE id = $1",
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        Ok(row.map(Into::into))
    }

    /// Where nobody is seen any more.
    pub async fn inactive_locations(&mut self) -> Result<HashSet<LocationId>, StoreError> {
        let ids = sqlx::query_scalar!("SELECT id FROM locations WHERE NOT active")
            .fetch_all(self.connection())
            .await?;
        Ok(ids.into_iter().map(Into::into).collect())
    }
}
