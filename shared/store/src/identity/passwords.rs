//! Column `users.password_hash` and table `password_resets`: how a password is replaced.

use domain::{Email, SessionId, UserId};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::notices::{self, Notice};
use super::sessions::revoke_everything;
use super::sign_in::forget_address;
use super::users::account;
use super::{Account, Accounts, TokenDigest};
use crate::StoreError;

/// Somebody whose password is to be replaced.
#[derive(Clone, Debug)]
pub struct PasswordOwner {
    /// Who.
    pub account: Account,
    /// The PHC string of the present password.
    pub password_hash: SecretString,
    /// What they are called, which no password may be made of.
    pub names: Vec<String>,
}

/// A permission to replace a password, once.
#[derive(Clone, Copy, Debug)]
pub struct NewReset<'a> {
    /// Whose.
    pub user: UserId,
    /// The token that goes with it.
    pub token: &'a TokenDigest,
    /// Who hands it over.
    pub issued_by: UserId,
    /// Now.
    pub created_at: Timestamp,
    /// It counts until then.
    pub expires_at: Timestamp,
}

impl Accounts {
    /// Whoever has that id, while their account is active.
    pub async fn password_owner(&self, user: UserId) -> Result<Option<PasswordOwner>, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            r#"SELECT u.email, u.role, u.password_hash,
                   coalesce(p.given_name, d.given_name) AS given_name,
                   coalesce(p.family_name, d.family_name) AS family_name
               FROM users u
               LEFT JOIN patients p ON p.id = u.id
               LEFT JOIN practitioners d ON d.id = u.id
               WHERE u.id = $1 AND u.status = 'active'"#,
            user.as_uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        row.map(|row| {
            Ok(PasswordOwner {
                account: account(user, row.email, &row.role)?,
                password_hash: row.password_hash.into(),
                names: [row.given_name, row.family_name].into_iter().flatten().collect(),
            })
        })
        .transpose()
    }

    /// Replaces a password by its owner, and ends their other sessions: which ones that were. None
    /// when it was replaced meanwhile.
    pub async fn change_password(
        &self,
        owner: &PasswordOwner,
        new: &SecretString,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let user = owner.account.id;
        let mut transaction = self.begin().await?;
        let changed = sqlx::query!(
            "UPDATE users SET password_hash = $3
             WHERE id = $1 AND password_hash = $2 AND status = 'active'",
            user.as_uuid(),
            owner.password_hash.expose_secret(),
            new.expose_secret(),
        )
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(None);
        }
        let ended = revoke_everything(&mut transaction, user, Some(session), now).await?;
        notices::leave(&mut transaction, Notice::PasswordChanged, user, now).await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }

    /// Leaves word that whoever has that address wants a new password, if anybody has it. The same
    /// work either way.
    pub async fn request_reset(&self, email: &Email, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let (notice, address) = (Notice::ResetRequested, email.as_str());
        notices::leave_at(&mut transaction, notice, address, None, now).await?;
        Ok(transaction.commit().await?)
    }

    /// Permits one new password, and withdraws an earlier permission. False when there is no such
    /// account, or it is disabled.
    pub async fn issue_reset(&self, reset: NewReset<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let issued = sqlx::query!(
            "INSERT INTO password_resets (user_id, token_sha256, issued_by, created_at, expires_at)
             SELECT id, $2, $3, $4, $5 FROM users WHERE id = $1 AND status = 'active'
             ON CONFLICT (user_id) DO UPDATE SET token_sha256 = excluded.token_sha256,
                 issued_by = excluded.issued_by, created_at = excluded.created_at,
                 expires_at = excluded.expires_at",
            reset.user.as_uuid(),
            reset.token,
            reset.issued_by.as_uuid(),
            jiff_sqlx::Timestamp::from(reset.created_at) as _,
            jiff_sqlx::Timestamp::from(reset.expires_at) as _,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(issued.rows_affected() > 0)
    }

    /// Whom a token permits a new password, while it counts.
    pub async fn reset_owner(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<PasswordOwner>, StoreError> {
        let mut transaction = self.begin().await?;
        let user = sqlx::query_scalar!(
            "SELECT user_id FROM password_resets WHERE token_sha256 = $1 AND expires_at > $2",
            token,
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        drop(transaction);
        match user {
            Some(user) => self.password_owner(user.into()).await,
            None => Ok(None),
        }
    }

    /// Uses the token up, replaces the password, and ends all sessions: which ones that were. None
    /// when the token was used meanwhile.
    pub async fn reset_password(
        &self,
        token: &TokenDigest,
        owner: &Account,
        new: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut transaction = self.begin().await?;
        // The account first, as everywhere: whoever else changes it waits, and nobody deadlocks.
        let changed = sqlx::query!(
            "UPDATE users SET password_hash = $3
             WHERE id = $1 AND status = 'active' AND EXISTS (
                 SELECT FROM password_resets r
                 WHERE r.user_id = users.id AND r.token_sha256 = $2 AND r.expires_at > $4)",
            owner.id.as_uuid(),
            token,
            new.expose_secret(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(&mut *transaction)
        .await?;
        let used = sqlx::query!("DELETE FROM password_resets WHERE token_sha256 = $1", token)
            .execute(&mut *transaction)
            .await?;
        // Of two at once, the second finds nothing to delete.
        if changed.rows_affected() == 0 || used.rows_affected() == 0 {
            return Ok(None);
        }
        let ended = revoke_everything(&mut transaction, owner.id, None, now).await?;
        forget_address(&mut transaction, &owner.email).await?;
        notices::leave(&mut transaction, Notice::PasswordChanged, owner.id, now).await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }
}
