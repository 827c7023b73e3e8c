//! Table `sign_in_failures`, and what a sign-in is checked against. Everything here costs the same
//! whether or not there is an account of that address.

use domain::{Email, UserId};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::users::account;
use super::{Account, Accounts, TokenDigest};
use crate::StoreError;

/// Failures are forgotten after so long without another: longer than any wait.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(48);

/// Forgotten subjects that are removed with each failure, so that more go than come.
const REMOVED_AT_ONCE: i64 = 4;

/// A known device counts as a stranger's after so many failures in a row.
const DEVICE_FAILURES: i32 = 10;

/// Whose failures are counted together: an address as it was typed, or somebody who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject([u8; 32]);

/// What a sign-in is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose.
    pub account: Account,
    /// False for a disabled account.
    pub is_active: bool,
    /// The PHC string of the password.
    pub password_hash: SecretString,
    /// Whether a code is asked for as well.
    pub has_second_factor: bool,
}

/// What is known before a password is checked.
#[derive(Clone, Debug)]
pub struct SignInState {
    /// Of the account of that address, if there is one.
    pub credentials: Option<Credentials>,
    /// Whether the account's owner has signed in from that device before.
    pub is_known_device: bool,
    /// No attempt counts before this: of the device when it is known, else of the address.
    pub retry_after: Option<Timestamp>,
}

impl Subject {
    /// Whoever signs in with that address, from any device that isn't known.
    pub fn address(email: &Email) -> Self {
        Self::of("address", email.as_str())
    }

    /// Somebody who is signed in, and asked for their password again. Strangers have no part in it.
    pub fn signed_in(user: UserId) -> Self {
        Self::of("user", &user.to_string())
    }

    fn of(kind: &str, text: &str) -> Self {
        Self(Sha256::digest(format!("{kind}\n{text}")).into())
    }
}

impl Accounts {
    /// What a sign-in with that address from that device is checked against.
    pub async fn sign_in_state(
        &self,
        email: &Email,
        device: Option<&TokenDigest>,
        now: Timestamp,
    ) -> Result<SignInState, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            r#"SELECT u.id AS "id?", u.email AS "email?", u.role AS "role?",
                   u.status = 'active' AS "is_active?", u.password_hash AS "password_hash?",
                   t.confirmed_at IS NOT NULL AS "has_second_factor!",
                   d.token_sha256 IS NOT NULL AS "is_known_device!",
                   CASE WHEN d.token_sha256 IS NULL THEN f.retry_after ELSE d.retry_after END
                       AS "retry_after?: jiff_sqlx::Timestamp"
               FROM (SELECT $1::text AS email) asked
               LEFT JOIN users u ON u.email = asked.email
               LEFT JOIN totp_authenticators t ON t.user_id = u.id
               LEFT JOIN known_devices d
                   ON d.user_id = u.id AND d.token_sha256 = $3 AND d.expires_at > $4
               LEFT JOIN sign_in_failures f ON f.subject_sha256 = $2"#,
            email.as_str(),
            &Subject::address(email).0,
            device.map(TokenDigest::as_slice),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_one(&mut *transaction)
        .await?;
        let found = row.id.zip(row.email).zip(row.role).zip(row.password_hash);
        let credentials = found.map(|(((id, email), role), password_hash)| {
            Ok::<_, StoreError>(Credentials {
                account: account(id.into(), email, &role)?,
                is_active: row.is_active == Some(true),
                password_hash: password_hash.into(),
                has_second_factor: row.has_second_factor,
            })
        });
        Ok(SignInState {
            credentials: credentials.transpose()?,
            is_known_device: row.is_known_device,
            retry_after: row.retry_after.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }

    /// When the next attempt of this subject counts.
    pub async fn retry_after(&self, subject: Subject) -> Result<Option<Timestamp>, StoreError> {
        let mut transaction = self.begin().await?;
        let retry_after = sqlx::query_scalar!(
            r#"SELECT retry_after AS "at: jiff_sqlx::Timestamp" FROM sign_in_failures
               WHERE subject_sha256 = $1"#,
            &subject.0,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        Ok(retry_after.map(jiff_sqlx::Timestamp::to_jiff))
    }

    /// Counts a failure; the next attempt counts once the wait for so many has passed.
    pub async fn record_failure(
        &self,
        subject: Subject,
        now: Timestamp,
        wait_after: impl FnOnce(i32) -> SignedDuration,
    ) -> Result<(), StoreError> {
        let forgotten = jiff_sqlx::Timestamp::from(now - FORGOTTEN_AFTER);
        let mut transaction = self.begin().await?;
        let failures = sqlx::query_scalar!(
            "INSERT INTO sign_in_failures (subject_sha256, failures, retry_after, failed_at)
             VALUES ($1, 1, $2, $2)
             ON CONFLICT (subject_sha256) DO UPDATE SET failed_at = $2, failures =
                 CASE WHEN sign_in_failures.failed_at < $3 THEN 1
                      ELSE sign_in_failures.failures + 1 END
             RETURNING failures",
            &subject.0,
            jiff_sqlx::Timestamp::from(now) as _,
            forgotten as _,
        )
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE sign_in_failures SET retry_after = greatest(retry_after, $2)
             WHERE subject_sha256 = $1",
            &subject.0,
            jiff_sqlx::Timestamp::from(now + wait_after(failures)) as _,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "DELETE FROM sign_in_failures WHERE subject_sha256 IN (
                 SELECT subject_sha256 FROM sign_in_failures WHERE failed_at < $1
                 ORDER BY failed_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            forgotten as _,
            REMOVED_AT_ONCE,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets the failures of a subject who has just proven to be themselves.
    pub async fn forget_failures(&self, subject: Subject) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query!("DELETE FROM sign_in_failures WHERE subject_sha256 = $1", &subject.0)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Counts a failure at a known device, which stops being known after a few.
    pub async fn record_device_failure(
        &self,
        device: &TokenDigest,
        now: Timestamp,
        wait_after: impl FnOnce(i32) -> SignedDuration,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let failures = sqlx::query_scalar!(
            "UPDATE known_devices SET failures = failures + 1 WHERE token_sha256 = $1
             RETURNING failures",
            device,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE known_devices SET retry_after = $2 WHERE token_sha256 = $1",
            device,
            jiff_sqlx::Timestamp::from(now + wait_after(failures.unwrap_or(0))) as _,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "DELETE FROM known_devices WHERE token_sha256 = $1 AND failures >= $2",
            device,
            DEVICE_FAILURES,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) async fn forget_address(
    connection: &mut sqlx::PgConnection,
    email: &Email,
) -> Result<(), sqlx::Error> {
    let subject = Subject::address(email);
    sqlx::query!("DELETE FROM sign_in_failures WHERE subject_sha256 = $1", &subject.0)
        .execute(connection)
        .await
        .map(drop)
}
