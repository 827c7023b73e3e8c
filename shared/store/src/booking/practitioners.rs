//! `practitioners`: read only.

use std::collections::HashMap;

use domain::PractitionerId;
use uuid::Uuid;

use super::{Failure, Transaction};

/// Whether a practitioner may be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Approved, and their account is active.
    Bookable,
    /// Known, but not approved, or no longer active.
    NotBookable,
}

const STANDINGS: &str = "
    SELECT p.id, p.approved_at IS NOT NULL AND u.status = 'active'
    FROM practitioners p JOIN users u ON u.id = p.id
    WHERE p.id = ANY ($1)";

/// How those of `ids` that exist stand.
pub async fn standings(
    transaction: &Transaction<'_>,
    ids: &[PractitionerId],
) -> Result<HashMap<PractitionerId, Standing>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(STANDINGS, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let bookable = row.try_get(1)?;
            let standing = if bookable { Standing::Bookable } else { Standing::NotBookable };
            Ok((row.try_get::<_, Uuid>(0)?.into(), standing))
        })
        .collect()
}
