//! What a call came to.

use domain::{CorrelationId, CoverageFinding, EligibilityCheckId, EligibilityStatus};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::booking::{Failure, Transaction, Work, correlation};

/// What an insurer said, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownResult {
    /// What.
    pub finding: CoverageFinding,
    /// When.
    pub at: Timestamp,
}

/// How a check stands after a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// For people.
    pub status: EligibilityStatus,
    /// What the insurer said; without it, what was known before stays.
    pub result: Option<KnownResult>,
    /// Why there is no answer, a word.
    pub error_class: Option<&'static str>,
    /// The insurer's own code for that: one to four letters and digits.
    pub error_code: Option<String>,
    /// Calls in a row without an answer.
    pub attempts: i32,
    /// When to ask again.
    pub next_at: Option<Timestamp>,
}

/// Writes down that nobody needs to know any more, and gives the check back. False: the lease was
/// lost.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// Which check.
    pub id: EligibilityCheckId,
    /// Who holds it.
    pub owner: Uuid,
    /// Until when.
    pub until: Timestamp,
    /// Now.
    pub at: Timestamp,
}

const STOP: &str = "
    UPDATE eligibility_checks
    SET is_stopped = true, next_at = NULL, lease_owner = NULL, lease_until = NULL, changed_at = $4
    WHERE id = $1 AND lease_owner = $2 AND lease_until = $3";

impl Work for Stop {
    type Output = bool;
    const NAME: &'static str = "stop_check";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<bool, Failure> {
        let parameters: &[&(dyn ToSql + Sync)] =
            &[&self.id.as_uuid(), &self.owner, &self.until, &self.at];
        Ok(transaction.execute(STOP, parameters).await? == 1)
    }
}

/// Writes down what a call came to, and gives the check back. False: the lease was lost, and
/// somebody else has the check now.
#[derive(Clone, Copy, Debug)]
pub struct Settle<'a> {
    /// Which check.
    pub id: EligibilityCheckId,
    /// Who holds it.
    pub owner: Uuid,
    /// Until when.
    pub until: Timestamp,
    /// How it stands.
    pub settlement: &'a Settlement,
    /// Its correlation id.
    pub correlation_id: CorrelationId,
    /// Now.
    pub at: Timestamp,
}

const SETTLE: &str = "
    UPDATE eligibility_checks
    SET status = $4, last_result = coalesce($5, last_result),
        last_result_at = coalesce($6, last_result_at), error_class = $7, error_code = $8,
        attempts = $9,
        next_at = CASE WHEN is_stopped OR decision = 'self_pay' THEN NULL ELSE $10::timestamptz END,
        lease_owner = NULL, lease_until = NULL, changed_at = $11
    WHERE id = $1 AND lease_owner = $2 AND lease_until = $3";

impl Work for Settle<'_> {
    type Output = bool;
    const NAME: &'static str = "settle_check";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<bool, Failure> {
        let Settlement { status, result, error_class, error_code, attempts, next_at } =
            self.settlement;
        let parameters: &[&(dyn ToSql + Sync)] = &[
            &self.id.as_uuid(),
            &self.owner,
            &self.until,
            &status.as_str(),
            &result.map(|known| known.finding.as_str()),
            &result.map(|known| known.at),
            error_class,
            error_code,
            attempts,
            next_at,
            &self.at,
        ];
        correlation::log(transaction, &[self.correlation_id]).await?;
        Ok(transaction.execute(SETTLE, parameters).await? == 1)
    }
}
