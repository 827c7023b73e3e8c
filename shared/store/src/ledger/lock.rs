//! One at a time.

use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use super::LedgerStore;
use crate::StoreError;

/// Lock of whoever keeps the books. It is economy, not safety: two at once would do the same
/// work, and each step is harmless when it is done twice.
const LEDGER_LOCK: i64 = 0x6d63_5f6c_6564_6765;

/// Held until it is dropped, or until the connection breaks.
#[derive(Debug)]
pub struct LedgerLock {
    _connection: PoolConnection<Postgres>,
}

impl LedgerStore {
    /// The right to keep the books, unless somebody else has it.
    pub async fn lock(&self) -> Result<Option<LedgerLock>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let is_ours =
            sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "is_ours!""#, LEDGER_LOCK)
                .fetch_one(&mut *connection)
                .await?;
        // The end of the session is the end of the lock.
        connection.close_on_drop();
        Ok(is_ours.then_some(LedgerLock { _connection: connection }))
    }
}
