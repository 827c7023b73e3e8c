//! `patients`: read only.

use std::collections::HashSet;

use domain::PatientId;
use uuid::Uuid;

use super::{Failure, Transaction};

/// Those of `ids` that exist.
pub async fn existing(
    transaction: &Transaction<'_>,
    ids: &[PatientId],
) -> Result<HashSet<PatientId>, Failure> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query("SELECT id FROM patients WHERE id = ANY ($1)", &[&ids]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Uuid>(0)?.into())).collect()
}
