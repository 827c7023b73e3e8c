//! Tables `totp_authenticators`, `recovery_codes` and `sign_in_challenges`: what somebody shows
//! beside their password.

use domain::UserId;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretSlice};
use sqlx::PgConnection;

use super::devices::Device;
use super::notices::{self, Notice};
use super::sessions::{NewSession, begin};
use super::users::{account, lock_active};
use super::{Account, Accounts, TokenDigest};
use crate::StoreError;

/// Wrong codes after which the password has to be shown again.
const CHALLENGE_FAILURES: i32 = 5;

/// An app that shows codes (RFC 6238).
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// What it shares with us.
    pub secret: SecretSlice<u8>,
    /// Since when it counts; none before a code has confirmed it.
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code that was used.
    pub last_step: i64,
    /// No code counts before this.
    pub retry_after: Option<Timestamp>,
    /// Recovery codes that are left.
    pub recovery_codes: i64,
}

/// What proves that somebody has their second factor; each counts once.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// The code of this step.
    Step(i64),
    /// A recovery code.
    RecoveryCode(&'a TokenDigest),
}

/// A sign-in whose password was right.
#[derive(Clone, Copy, Debug)]
pub struct NewChallenge<'a> {
    /// Whose.
    pub user: UserId,
    /// The token that goes with it.
    pub token: &'a TokenDigest,
    /// The known device that it came from.
    pub device: Option<&'a TokenDigest>,
    /// It counts until then.
    pub expires_at: Timestamp,
}

/// A sign-in that waits for its second factor.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Whose.
    pub account: Account,
    /// The known device that the password came from.
    pub device: Option<TokenDigest>,
    /// What is asked for.
    pub authenticator: Authenticator,
}

impl Accounts {
    /// Somebody's authenticator, confirmed or not.
    pub async fn authenticator(&self, user: UserId) -> Result<Option<Authenticator>, StoreError> {
        let mut transaction = self.begin().await?;
        Ok(read(&mut transaction, user).await?)
    }

    /// Begins an enrolment, in place of one that was never confirmed. False when there is one that
    /// was.
    pub async fn begin_enrolment(
        &self,
        user: UserId,
        secret: &SecretSlice<u8>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let begun = sqlx::query!(
            "INSERT INTO totp_authenticators (user_id, secret, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET secret = $2, created_at = $3
                 WHERE totp_authenticators.confirmed_at IS NULL",
            user.as_uuid(),
            secret.expose_secret(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(begun.rows_affected() > 0)
    }

    /// Confirms an enrolment by the code of that step, and replaces the recovery codes. False when
    /// that secret is not the one that waits for it.
    pub async fn confirm_enrolment(
        &self,
        user: UserId,
        secret: &SecretSlice<u8>,
        step: i64,
        codes: &[TokenDigest],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let confirmed = sqlx::query!(
            "UPDATE totp_authenticators
             SET confirmed_at = $4, last_step = $3, failures = 0, retry_after = NULL
             WHERE user_id = $1 AND secret = $2 AND confirmed_at IS NULL",
            user.as_uuid(),
            secret.expose_secret(),
            step,
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(&mut *transaction)
        .await?;
        if confirmed.rows_affected() == 0 {
            return Ok(false);
        }
        replace_codes(&mut transaction, user, codes).await?;
        notices::leave(&mut transaction, Notice::SecondFactorChanged, user, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces the recovery codes of whoever proves to have their second factor.
    pub async fn replace_recovery_codes(
        &self,
        user: UserId,
        proof: Proof<'_>,
        codes: &[TokenDigest],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        if !use_up(&mut transaction, user, proof).await? {
            return Ok(false);
        }
        replace_codes(&mut transaction, user, codes).await?;
        notices::leave(&mut transaction, Notice::SecondFactorChanged, user, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes the second factor: by its owner, who proves to have it, or else by an administrator.
    pub async fn remove_second_factor(
        &self,
        user: UserId,
        proof: Option<Proof<'_>>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(proof) = proof
            && !use_up(&mut transaction, user, proof).await?
        {
            return Ok(false);
        }
        replace_codes(&mut transaction, user, &[]).await?;
        let removed =
            sqlx::query!("DELETE FROM totp_authenticators WHERE user_id = $1", user.as_uuid())
                .execute(&mut *transaction)
                .await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("DELETE FROM sign_in_challenges WHERE user_id = $1", user.as_uuid())
            .execute(&mut *transaction)
            .await?;
        notices::leave(&mut transaction, Notice::SecondFactorChanged, user, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Counts a wrong code; the next counts once the wait for so many has passed.
    pub async fn record_wrong_code(
        &self,
        user: UserId,
        challenge: Option<&TokenDigest>,
        now: Timestamp,
        wait_after: impl FnOnce(i32) -> SignedDuration,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let failures = sqlx::query_scalar!(
            "UPDATE totp_authenticators SET failures = failures + 1 WHERE user_id = $1
             RETURNING failures",
            user.as_uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE totp_authenticators SET retry_after = $2 WHERE user_id = $1",
            user.as_uuid(),
            jiff_sqlx::Timestamp::from(now + wait_after(failures.unwrap_or(0))) as _,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE sign_in_challenges SET failures = failures + 1 WHERE token_sha256 = $1",
            challenge.map(TokenDigest::as_slice),
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "DELETE FROM sign_in_challenges WHERE token_sha256 = $1 AND failures >= $2",
            challenge.map(TokenDigest::as_slice),
            CHALLENGE_FAILURES,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Records that a password was right, and forgets the user's challenges that have expired.
    pub async fn open_challenge(
        &self,
        challenge: NewChallenge<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query!(
            "DELETE FROM sign_in_challenges WHERE user_id = $1 AND expires_at <= $2",
            challenge.user.as_uuid(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO sign_in_challenges (token_sha256, user_id, device_sha256, expires_at)
             VALUES ($1, $2, $3, $4)",
            challenge.token,
            challenge.user.as_uuid(),
            challenge.device.map(TokenDigest::as_slice),
            jiff_sqlx::Timestamp::from(challenge.expires_at) as _,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// The sign-in that a token belongs to, while it waits.
    pub async fn challenge(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Challenge>, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            "SELECT u.id, u.email, u.role, c.device_sha256
             FROM sign_in_challenges c JOIN users u ON u.id = c.user_id
             WHERE c.token_sha256 = $1 AND c.expires_at > $2 AND u.status = 'active'",
            token,
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let account = account(row.id.into(), row.email, &row.role)?;
        let authenticator = read(&mut transaction, account.id).await?;
        Ok(authenticator.map(|authenticator| Challenge {
            account,
            device: row.device_sha256.and_then(|digest| digest.try_into().ok()),
            authenticator,
        }))
    }

    /// Ends a sign-in with its second factor: uses up challenge and proof, and opens the session.
    /// False when one of them was used meanwhile, or the account was disabled.
    pub async fn finish_challenge(
        &self,
        token: &TokenDigest,
        proof: Proof<'_>,
        session: NewSession<'_>,
        account: &Account,
        device: Device<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // The account first, as everywhere: whoever else changes it waits, and nobody deadlocks.
        if !lock_active(&mut transaction, account.id, None).await? {
            return Ok(false);
        }
        let used = sqlx::query!(
            "DELETE FROM sign_in_challenges WHERE token_sha256 = $1 AND user_id = $2",
            token,
            account.id.as_uuid(),
        )
        .execute(&mut *transaction)
        .await?;
        if used.rows_affected() == 0 || !use_up(&mut transaction, account.id, proof).await? {
            return Ok(false);
        }
        begin(&mut transaction, session, account, device).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn read(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Option<Authenticator>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT secret, last_step,
               confirmed_at AS "confirmed_at: jiff_sqlx::Timestamp",
               retry_after AS "retry_after: jiff_sqlx::Timestamp",
               (SELECT count(*) FROM recovery_codes r WHERE r.user_id = t.user_id) AS "codes!"
           FROM totp_authenticators t WHERE t.user_id = $1"#,
        user.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Authenticator {
        secret: row.secret.into(),
        confirmed_at: row.confirmed_at.map(jiff_sqlx::Timestamp::to_jiff),
        last_step: row.last_step,
        retry_after: row.retry_after.map(jiff_sqlx::Timestamp::to_jiff),
        recovery_codes: row.codes,
    }))
}

/// Whether the proof still counted; it doesn't any more.
async fn use_up(
    connection: &mut PgConnection,
    user: UserId,
    proof: Proof<'_>,
) -> Result<bool, sqlx::Error> {
    let (step, code) = match proof {
        Proof::Step(step) => (Some(step), None),
        Proof::RecoveryCode(code) => (None, Some(code.as_slice())),
    };
    if let Some(code) = code {
        let used = sqlx::query!(
            "DELETE FROM recovery_codes WHERE code_sha256 = $1 AND user_id = $2",
            code,
            user.as_uuid(),
        )
        .execute(&mut *connection)
        .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
    }
    let used = sqlx::query!(
        "UPDATE totp_authenticators
         SET last_step = coalesce($2, last_step), failures = 0, retry_after = NULL
         WHERE user_id = $1 AND confirmed_at IS NOT NULL
             AND ($2::bigint IS NULL OR last_step < $2)",
        user.as_uuid(),
        step,
    )
    .execute(connection)
    .await?;
    Ok(used.rows_affected() > 0)
}

async fn replace_codes(
    connection: &mut PgConnection,
    user: UserId,
    codes: &[TokenDigest],
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user.as_uuid())
        .execute(&mut *connection)
        .await?;
    let codes: Vec<Vec<u8>> = codes.iter().map(|code| code.to_vec()).collect();
    sqlx::query!(
        "INSERT INTO recovery_codes (code_sha256, user_id) SELECT code, $2 FROM unnest($1::bytea[]) code",
        &codes,
        user.as_uuid(),
    )
    .execute(connection)
    .await
    .map(drop)
}
