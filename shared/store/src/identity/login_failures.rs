//! Table `login_failures`: failed sign-ins in a row, per account. Time passes, so that nobody can
//! lock somebody else out for good.

use domain::UserId;
use jiff::Timestamp;

use super::Accounts;
use crate::StoreError;

impl Accounts {
    /// Counts a failure; the next attempt counts from `retry_after` on.
    pub async fn record_login_failure(
        &self,
        user: UserId,
        retry_after: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query!(
            "INSERT INTO login_failures (user_id, failures, retry_after) VALUES ($1, 1, $2)
             ON CONFLICT (user_id) DO UPDATE SET failures = login_failures.failures + 1,
                 retry_after = greatest(login_failures.retry_after, excluded.retry_after)",
            user.as_uuid(),
            jiff_sqlx::Timestamp::from(retry_after) as _,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}
