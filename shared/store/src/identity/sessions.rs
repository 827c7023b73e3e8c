//! Tables `sessions` and `refresh_tokens`: a sign-in and the chain of single-use tokens that
//! keeps it alive. Only digests of tokens are stored.

use domain::{Actor, Clock, SessionId, UserId};
use jiff::Timestamp;
use sqlx::PgConnection;

use super::users::account;
use super::{Account, Accounts};
use crate::StoreError;

/// SHA-256 of a refresh token.
pub type TokenDigest = [u8; 32];

/// A sign-in to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Its first refresh token.
    pub token: &'a TokenDigest,
    /// Now.
    pub created_at: Timestamp,
    /// It ends then, however often it is refreshed.
    pub expires_at: Timestamp,
}

/// What came of presenting a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was replaced.
    Rotated {
        /// The family.
        session: SessionId,
        /// Whose.
        account: Account,
        /// The family's end.
        expires_at: Timestamp,
    },
    /// It was replaced a moment ago, by a request beside this one.
    JustUsed,
    /// It had been replaced before: somebody has a copy. The whole family is revoked now.
    Reused {
        /// The family.
        session: SessionId,
        /// Whose.
        account: Account,
    },
    /// Unknown, expired, revoked, or of a disabled account.
    Refused,
}

/// A session that was ended by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: Actor,
}

struct Presented {
    session_id: SessionId,
    used_at: Option<Timestamp>,
    expires_at: Timestamp,
    is_live: bool,
    account: Account,
}

impl Accounts {
    /// Records a successful sign-in, and forgets the failures before it and the tokens of the
    /// user's sessions that have expired.
    pub async fn open_session(&self, session: NewSession<'_>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        insert_session(&mut transaction, session).await?;
        sqlx::query!("DELETE FROM login_failures WHERE user_id = $1", session.user.as_uuid())
            .execute(&mut *transaction)
            .await?;
        sqlx::query!(
            "DELETE FROM refresh_tokens t USING sessions s
             WHERE s.id = t.session_id AND s.user_id = $1 AND s.expires_at < $2",
            session.user.as_uuid(),
            jiff_sqlx::Timestamp::from(session.created_at) as _,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Replaces the token `old` by `new`, for a request that arrived at `arrived`. When the token
    /// was used while this request was already here, the two raced (two tabs): the later one gets
    /// nothing, but the family lives on.
    pub async fn rotate(
        &self,
        old: &TokenDigest,
        new: &TokenDigest,
        arrived: Timestamp,
        clock: &dyn Clock,
    ) -> Result<Rotation, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(presented) = lock_presented(&mut transaction, old).await? else {
            return Ok(Rotation::Refused);
        };
        // After the wait for the lock: whoever held it marked the token before this.
        let now = clock.now();
        if !presented.is_live || presented.expires_at <= now {
            return Ok(Rotation::Refused);
        }
        let rotation = match presented.used_at {
            Some(used_at) if used_at >= arrived => Rotation::JustUsed,
            Some(_) => {
                revoke(&mut transaction, presented.session_id, now).await?;
                Rotation::Reused { session: presented.session_id, account: presented.account }
            }
            None => {
                replace(&mut transaction, old, new, presented.session_id, now).await?;
                Rotation::Rotated {
                    session: presented.session_id,
                    account: presented.account,
                    expires_at: presented.expires_at,
                }
            }
        };
        transaction.commit().await?;
        Ok(rotation)
    }

    /// Ends the session that a token belongs to, used or not; says which one that was.
    pub async fn end_session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<EndedSession>, StoreError> {
        let mut transaction = self.begin().await?;
        let found = sqlx::query!(
            "SELECT t.session_id, u.id AS user_id, u.email, u.role
             FROM refresh_tokens t
             JOIN sessions s ON s.id = t.session_id
             JOIN users u ON u.id = s.user_id
             WHERE t.token_sha256 = $1",
            token,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(found) = found else { return Ok(None) };
        let Account { id, role, .. } = account(found.user_id.into(), found.email, &found.role)?;
        let ended = EndedSession { id: found.session_id.into(), user: Actor { id, role } };
        revoke(&mut transaction, ended.id, now).await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }
}

pub(super) async fn insert_session(
    connection: &mut PgConnection,
    session: NewSession<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        session.id.as_uuid(),
        session.user.as_uuid(),
        jiff_sqlx::Timestamp::from(session.created_at) as _,
        jiff_sqlx::Timestamp::from(session.expires_at) as _,
    )
    .execute(&mut *connection)
    .await?;
    insert_token(connection, session.token, session.id, session.created_at).await
}

async fn insert_token(
    connection: &mut PgConnection,
    token: &TokenDigest,
    session: SessionId,
    issued_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (token_sha256, session_id, issued_at) VALUES ($1, $2, $3)",
        token,
        session.as_uuid(),
        jiff_sqlx::Timestamp::from(issued_at) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Locks the token and its session, so that of two uses at once the second sees the first.
async fn lock_presented(
    connection: &mut PgConnection,
    token: &TokenDigest,
) -> Result<Option<Presented>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT t.session_id, t.used_at AS "used_at: jiff_sqlx::Timestamp",
               s.expires_at AS "expires_at: jiff_sqlx::Timestamp",
               s.revoked_at IS NULL AND u.status = 'active' AS "is_live!",
               u.id AS user_id, u.email, u.role
           FROM refresh_tokens t
           JOIN sessions s ON s.id = t.session_id
           JOIN users u ON u.id = s.user_id
           WHERE t.token_sha256 = $1
           FOR UPDATE OF t, s"#,
        token,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Presented {
            session_id: row.session_id.into(),
            used_at: row.used_at.map(jiff_sqlx::Timestamp::to_jiff),
            expires_at: row.expires_at.to_jiff(),
            is_live: row.is_live,
            account: account(row.user_id.into(), row.email, &row.role)?,
        })
    })
    .transpose()
}

async fn replace(
    connection: &mut PgConnection,
    old: &TokenDigest,
    new: &TokenDigest,
    session: SessionId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE refresh_tokens SET used_at = $2 WHERE token_sha256 = $1",
        old,
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .execute(&mut *connection)
    .await?;
    insert_token(connection, new, session, now).await
}

async fn revoke(
    connection: &mut PgConnection,
    session: SessionId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1",
        session.as_uuid(),
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}
