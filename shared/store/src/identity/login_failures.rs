//! Table `login_failures`: failed sign-ins in a row, per account. Time passes, so that nobody can
//! lock somebody else out for good.

use domain::Email;
use jiff::{SignedDuration, Timestamp};

use super::Accounts;
use crate::StoreError;

impl Accounts {
    /// Counts a failure of the account of that address, if there is one; the next attempt counts
    /// once the wait for so many failures has passed.
    pub async fn record_login_failure(
        &self,
        email: &Email,
        now: Timestamp,
        wait_after: impl FnOnce(i32) -> SignedDuration,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let counted = sqlx::query!(
            "INSERT INTO login_failures (user_id, failures, retry_after)
             SELECT id, 1, $2 FROM users WHERE email = $1
             ON CONFLICT (user_id) DO UPDATE SET failures = login_failures.failures + 1
             RETURNING user_id, failures",
            email.as_str(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(counted) = counted else { return Ok(()) };
        sqlx::query!(
            "UPDATE login_failures SET retry_after = greatest(retry_after, $2) WHERE user_id = $1",
            counted.user_id,
            jiff_sqlx::Timestamp::from(now + wait_after(counted.failures)) as _,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}
