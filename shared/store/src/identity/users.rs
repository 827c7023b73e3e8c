//! Table `users`: who can sign in, and as what.

use domain::{Email, Role, SessionId, UserId};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;

use super::sessions::revoke_everything;
use super::{Accounts, CreateError, NewUser};
use crate::StoreError;

/// Serialises the creation of the first administrator among the processes of api.
const FIRST_ADMINISTRATOR_LOCK: i64 = 0x6d63_6669_7273_7461;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Their id.
    pub id: UserId,
    /// What they sign in with.
    pub email: Email,
    /// What they may do.
    pub role: Role,
}

/// What came of an administrator's change to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// It is done, and these sessions have ended.
    Done(Vec<SessionId>),
    /// There is no such account, or none of which this can be changed.
    Unknown,
    /// Whoever asked is no active administrator any more.
    NotAllowed,
}

/// Whether the first administrator was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdministrator {
    /// Just now.
    Created,
    /// There was one.
    AlreadyThere,
}

pub(super) fn account(id: UserId, email: String, role: &str) -> Result<Account, StoreError> {
    let bad =
        |column: &'static str| StoreError::BadRow { table: "users", column, id: id.to_string() };
    Ok(Account {
        id,
        email: email.try_into().map_err(|_| bad("email"))?,
        role: role.parse().map_err(|_| bad("role"))?,
    })
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    user: &NewUser<'_>,
) -> Result<(), CreateError> {
    sqlx::query!(
        "INSERT INTO users (id, email, password_hash, role, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6)",
        user.id.as_uuid(),
        user.email.as_str(),
        user.password_hash.expose_secret(),
        user.role.as_str(),
        jiff_sqlx::Timestamp::from(user.created_at) as _,
        user.created_by.map(UserId::as_uuid),
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Accounts {
    /// Creates an administrator or operator, who has no data beside the account.
    pub async fn create_user(&self, user: &NewUser<'_>) -> Result<(), CreateError> {
        let mut transaction = self.begin().await?;
        insert(&mut transaction, user).await?;
        Ok(transaction.commit().await?)
    }

    /// Creates this administrator if there is none at all, however many processes try at once.
    pub async fn first_administrator(
        &self,
        user: &NewUser<'_>,
    ) -> Result<FirstAdministrator, CreateError> {
        let mut transaction = self.begin().await?;
        sqlx::query!("SELECT pg_advisory_xact_lock($1)", FIRST_ADMINISTRATOR_LOCK)
            .execute(&mut *transaction)
            .await?;
        if exists_administrator(&mut transaction).await? {
            return Ok(FirstAdministrator::AlreadyThere);
        }
        insert(&mut transaction, user).await?;
        transaction.commit().await?;
        Ok(FirstAdministrator::Created)
    }

    /// Whether somebody can administrate.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        Ok(exists_administrator(&mut transaction).await?)
    }

    /// Replaces a hash that was made with weaker parameters, unless it changed meanwhile.
    pub async fn replace_password_hash(
        &self,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query!(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            user.as_uuid(),
            old.expose_secret(),
            new.expose_secret(),
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Disables or enables an account, by an administrator. Either way its sessions end.
    pub async fn set_active(
        &self,
        user: UserId,
        is_active: bool,
        by: UserId,
        now: Timestamp,
    ) -> Result<AccountChange, StoreError> {
        let mut transaction = self.begin().await?;
        if !lock_administration(&mut transaction, by).await? {
            return Ok(AccountChange::NotAllowed);
        }
        let changed = sqlx::query!(
            "UPDATE users SET status = CASE WHEN $2 THEN 'active' ELSE 'disabled' END
             WHERE id = $1",
            user.as_uuid(),
            is_active,
        )
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(AccountChange::Unknown);
        }
        // Who is enabled has no session, unless they weren't disabled: then it goes on.
        let ended = if is_active {
            Vec::new()
        } else {
            revoke_everything(&mut transaction, user, None, now).await?
        };
        transaction.commit().await?;
        Ok(AccountChange::Done(ended))
    }

    /// Makes an operator an administrator or the reverse, by an administrator. Their sessions end.
    /// Patients and doctors have data that goes with their role, and keep it.
    pub async fn set_role(
        &self,
        user: UserId,
        role: Role,
        by: UserId,
        now: Timestamp,
    ) -> Result<AccountChange, StoreError> {
        let mut transaction = self.begin().await?;
        if !lock_administration(&mut transaction, by).await? {
            return Ok(AccountChange::NotAllowed);
        }
        let changed = sqlx::query!(
            "UPDATE users SET role = $2
             WHERE id = $1 AND role IN ('admin', 'operator') AND $2 IN ('admin', 'operator')",
            user.as_uuid(),
            role.as_str(),
        )
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(AccountChange::Unknown);
        }
        let ended = revoke_everything(&mut transaction, user, None, now).await?;
        transaction.commit().await?;
        Ok(AccountChange::Done(ended))
    }
}

/// One administrator at a time changes accounts, so that no two of them disable each other: then
/// nobody could administrate. False when this one may not any more.
async fn lock_administration(
    connection: &mut PgConnection,
    by: UserId,
) -> Result<bool, sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", FIRST_ADMINISTRATOR_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users
               WHERE id = $1 AND role = 'admin' AND status = 'active') AS "exists!""#,
        by.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Keeps an account as it is until the end of the transaction. False when it is disabled, or has
/// another password than the one of that hash.
pub(super) async fn lock_active(
    connection: &mut PgConnection,
    user: UserId,
    password_hash: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM users
         WHERE id = $1 AND status = 'active' AND ($2::text IS NULL OR password_hash = $2)
         FOR SHARE",
        user.as_uuid(),
        password_hash,
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

async fn exists_administrator(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE role = 'admin') AS "exists!""#)
        .fetch_one(connection)
        .await
}
