//! The correlation ids of a transaction, in the server's own log.

use domain::CorrelationId;
use uuid::Uuid;

use super::{Failure, Transaction};

/// Writes the ids to PostgreSQL's log. Nothing else of a statement is logged there.
pub async fn log(transaction: &Transaction<'_>, ids: &[CorrelationId]) -> Result<(), Failure> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    transaction.execute("SELECT log_correlation(VARIADIC $1::uuid[])", &[&ids]).await?;
    Ok(())
}
