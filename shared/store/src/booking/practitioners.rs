//! `practitioners`: read only.

use std::collections::HashMap;

use domain::PractitionerId;
use uuid::Uuid;

use super::{Failure, Transaction};

/// How a practitioner stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether they may be booked: approved, and their account is active.
    pub is_bookable: bool,
    /// What they treat.
    pub specialty: String,
}

const STANDINGS: &str = "
    SELECT p.id, p.approved_at IS NOT NULL AND u.status = 'active', p.specialty
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
            let standing = Standing { is_bookable: row.try_get(1)?, specialty: row.try_get(2)? };
            Ok((row.try_get::<_, Uuid>(0)?.into(), standing))
        })
        .collect()
}
