//! What waits for an insurer.

use domain::PayerId;
use jiff::Timestamp;

use crate::booking::{Failure, Transaction, Work};

/// Finds the payers that have checks due.
#[derive(Clone, Copy, Debug)]
pub struct DuePayers {
    /// Now.
    pub at: Timestamp,
    /// At most so many.
    pub limit: i64,
}

// One step through the index per payer, however many checks are due.
const DUE_PAYERS: &str = "
    WITH RECURSIVE payers AS (
        (SELECT payer_id FROM eligibility_checks WHERE next_at IS NOT NULL
         ORDER BY payer_id LIMIT 1)
        UNION ALL
        SELECT (SELECT c.payer_id FROM eligibility_checks c
                WHERE c.next_at IS NOT NULL AND c.payer_id > payers.payer_id
                ORDER BY c.payer_id LIMIT 1)
        FROM payers WHERE payers.payer_id IS NOT NULL)
    SELECT payer_id FROM payers
    WHERE EXISTS (SELECT FROM eligibility_checks c
        WHERE c.payer_id = payers.payer_id AND c.next_at <= $1
          AND (c.lease_until IS NULL OR c.lease_until <= $1))
    LIMIT $2";

impl Work for DuePayers {
    type Output = Vec<PayerId>;
    const NAME: &'static str = "due_payers";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Vec<PayerId>, Failure> {
        let rows = transaction.query(DUE_PAYERS, &[&self.at, &self.limit]).await?;
        rows.iter()
            .map(|row| {
                let payer: String = row.try_get(0)?;
                let unreadable =
                    |_| Failure::unreadable_row("eligibility_checks.payer_id", "a due check");
                payer.try_into().map_err(unreadable)
            })
            .collect()
    }
}

/// Says of everything that is due at a payer that can't be asked now that nobody knows. What was
/// known before stays, and so does when it is due. Gives how many checks that was news for.
#[derive(Clone, Copy, Debug)]
pub struct Postpone<'a> {
    /// Whom.
    pub payer: &'a PayerId,
    /// Why, a word.
    pub reason: &'static str,
    /// Now.
    pub at: Timestamp,
}

const POSTPONE: &str = "
    UPDATE eligibility_checks
    SET status = 'pending_verification', error_class = $3, error_code = NULL, changed_at = $2
    WHERE payer_id = $1 AND next_at <= $2 AND (lease_until IS NULL OR lease_until <= $2)
      AND status <> 'pending_verification'";

impl Work for Postpone<'_> {
    type Output = u64;
    const NAME: &'static str = "postpone_checks";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<u64, Failure> {
        transaction.execute(POSTPONE, &[&self.payer.as_str(), &self.at, &self.reason]).await
    }
}

/// Counts checks without an answer, by how they stand.
#[derive(Clone, Copy, Debug)]
pub struct CountOpen;

const COUNT_OPEN: &str = "
    SELECT standing, count(*) FROM eligibility_checks
    WHERE standing IN ('not_checked', 'checking', 'pending_verification', 'needs_attention')
      AND NOT is_stopped
    GROUP BY standing";

impl Work for CountOpen {
    type Output = Vec<(String, i64)>;
    const NAME: &'static str = "count_open_checks";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Self::Output, Failure> {
        let rows = transaction.query(COUNT_OPEN, &[]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}
