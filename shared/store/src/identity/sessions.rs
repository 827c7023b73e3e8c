//! Tables `sessions` and `refresh_tokens`: a sign-in and the chain of single-use tokens that
//! keeps it alive. Only digests of tokens are stored.

use domain::{Actor, Clock, SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;

use super::devices::{self, Device};
use super::sign_in::forget_address;
use super::users::{account, lock_active};
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
    /// From what: `Firefox on Linux`.
    pub client: &'a str,
}

/// A session that has neither ended nor expired.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Since when.
    pub created_at: Timestamp,
    /// Its last sign-in or refresh.
    pub last_used_at: Timestamp,
    /// It ends then at the latest.
    pub expires_at: Timestamp,
    /// From what.
    pub client: String,
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
        /// Whether the account has a second factor.
        has_second_factor: bool,
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
    /// Unknown, expired, idle for too long, revoked, or of a disabled account.
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
    last_used_at: Timestamp,
    is_live: bool,
    has_second_factor: bool,
    account: Account,
}

impl Accounts {
    /// Records a sign-in whose password had that hash, and forgets the failures before it and the
    /// tokens of the user's sessions that have expired. False when the account was disabled or got
    /// another password meanwhile.
    pub async fn open_session(
        &self,
        session: NewSession<'_>,
        account: &Account,
        password_hash: &SecretString,
        device: Device<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let hash = Some(password_hash.expose_secret());
        if !lock_active(&mut transaction, account.id, hash).await? {
            return Ok(false);
        }
        begin(&mut transaction, session, account, device).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces the token `old` by `new`, for a request that arrived at `arrived`. When the token
    /// was used while this request was already here, the two raced (two tabs): the later one gets
    /// nothing, but the family lives on. A session that was idle for longer than `idle` has ended.
    pub async fn rotate(
        &self,
        old: &TokenDigest,
        new: &TokenDigest,
        arrived: Timestamp,
        idle: SignedDuration,
        clock: &dyn Clock,
    ) -> Result<Rotation, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(presented) = lock_presented(&mut transaction, old).await? else {
            return Ok(Rotation::Refused);
        };
        // After the wait for the lock: whoever held it marked the token before this.
        let now = clock.now();
        let is_idle = presented.last_used_at + idle <= now;
        if !presented.is_live || is_idle || presented.expires_at <= now {
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
                    has_second_factor: presented.has_second_factor,
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

    /// The user's sessions that live, the newest first, at most a hundred.
    pub async fn live_sessions(
        &self,
        user: UserId,
        idle: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<LiveSession>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT id, created_at AS "created_at: jiff_sqlx::Timestamp",
                   last_used_at AS "last_used_at: jiff_sqlx::Timestamp",
                   expires_at AS "expires_at: jiff_sqlx::Timestamp", client
               FROM sessions
               WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
                   AND last_used_at > $3
               ORDER BY created_at DESC, id
               LIMIT 100"#,
            user.as_uuid(),
            jiff_sqlx::Timestamp::from(now) as _,
            jiff_sqlx::Timestamp::from(now - idle) as _,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let live = rows.into_iter().map(|row| LiveSession {
            id: row.id.into(),
            created_at: row.created_at.to_jiff(),
            last_used_at: row.last_used_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
            client: row.client,
        });
        Ok(live.collect())
    }

    /// Ends one of the user's sessions. False when there is none of that id that hasn't ended.
    pub async fn revoke_session(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let revoked = sqlx::query!(
            "UPDATE sessions SET revoked_at = $3
             WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL AND expires_at > $3",
            user.as_uuid(),
            session.as_uuid(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }

    /// Ends all of the user's sessions, and forgets their devices. Which ones that were.
    pub async fn revoke_all_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut transaction = self.begin().await?;
        let revoked = revoke_everything(&mut transaction, user, None, now).await?;
        transaction.commit().await?;
        Ok(revoked)
    }
}

/// Ends all of the user's sessions but one, sign-ins that wait for a second factor, and unused
/// permissions to reset the password; forgets their devices.
pub(super) async fn revoke_everything(
    connection: &mut PgConnection,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>, sqlx::Error> {
    sqlx::query!("DELETE FROM sign_in_challenges WHERE user_id = $1", user.as_uuid())
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM password_resets WHERE user_id = $1", user.as_uuid())
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM known_devices WHERE user_id = $1", user.as_uuid())
        .execute(&mut *connection)
        .await?;
    let revoked = sqlx::query_scalar!(
        "UPDATE sessions SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $3
             AND id IS DISTINCT FROM $2
         RETURNING id",
        user.as_uuid(),
        but.map(SessionId::as_uuid),
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(revoked.into_iter().map(SessionId::from).collect())
}

/// What every sign-in that succeeds comes to.
pub(super) async fn begin(
    connection: &mut PgConnection,
    session: NewSession<'_>,
    account: &Account,
    device: Device<'_>,
) -> Result<(), sqlx::Error> {
    insert_session(connection, session).await?;
    if matches!(device, Device::New(..)) {
        forget_address(connection, &account.email).await?;
    }
    devices::remember(connection, account.id, device, session.created_at).await?;
    sqlx::query!(
        "DELETE FROM refresh_tokens t USING sessions s
         WHERE s.id = t.session_id AND s.user_id = $1 AND s.expires_at < $2",
        session.user.as_uuid(),
        jiff_sqlx::Timestamp::from(session.created_at) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn insert_session(
    connection: &mut PgConnection,
    session: NewSession<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, client)
         VALUES ($1, $2, $3, $3, $4, $5)",
        session.id.as_uuid(),
        session.user.as_uuid(),
        jiff_sqlx::Timestamp::from(session.created_at) as _,
        jiff_sqlx::Timestamp::from(session.expires_at) as _,
        session.client,
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
               s.last_used_at AS "last_used_at: jiff_sqlx::Timestamp",
               s.revoked_at IS NULL AND u.status = 'active' AS "is_live!",
               a.confirmed_at IS NOT NULL AS "has_second_factor!",
               u.id AS user_id, u.email, u.role
           FROM refresh_tokens t
           JOIN sessions s ON s.id = t.session_id
           JOIN users u ON u.id = s.user_id
           LEFT JOIN totp_authenticators a ON a.user_id = u.id
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
            last_used_at: row.last_used_at.to_jiff(),
            is_live: row.is_live,
            has_second_factor: row.has_second_factor,
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
    sqlx::query!(
        "UPDATE sessions SET last_used_at = $2 WHERE id = $1",
        session.as_uuid(),
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
