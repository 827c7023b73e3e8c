//! Table `users`: who can sign in, and as what.

use domain::{Email, Role, UserId};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;

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

/// What a sign-in is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose.
    pub account: Account,
    /// False for a disabled account.
    pub is_active: bool,
    /// The PHC string of the password.
    pub password_hash: SecretString,
    /// No attempt counts before this.
    pub retry_after: Option<Timestamp>,
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
    /// What a sign-in with that address is checked against.
    pub async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            r#"SELECT u.id, u.email, u.role, u.status = 'active' AS "is_active!", u.password_hash,
                   f.retry_after AS "retry_after?: jiff_sqlx::Timestamp"
               FROM users u LEFT JOIN login_failures f ON f.user_id = u.id
               WHERE u.email = $1"#,
            email.as_str(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        row.map(|row| {
            Ok(Credentials {
                account: account(row.id.into(), row.email, &row.role)?,
                is_active: row.is_active,
                password_hash: row.password_hash.into(),
                retry_after: row.retry_after.map(jiff_sqlx::Timestamp::to_jiff),
            })
        })
        .transpose()
    }

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
}

async fn exists_administrator(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE role = 'admin') AS "exists!""#)
        .fetch_one(connection)
        .await
}
