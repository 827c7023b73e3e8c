//! Table `users`, for administrators; everybody else sees themselves only.

use domain::{Email, Role, UserId};
use jiff::Timestamp;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// A user in an administrator's list.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// What they sign in with.
    pub email: Email,
    /// What they may do.
    pub role: Role,
    /// Whether they can sign in.
    pub is_active: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// Which users, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserFilter {
    /// In this role.
    pub role: Option<Role>,
    /// Behind this one.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: i64,
}

impl CallerTx {
    /// Users that the caller may see.
    pub async fn users(&mut self, filter: UserFilter) -> Result<Vec<UserRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, email, role, status = 'active' AS "is_active!",
                   created_at AS "created_at: jiff_sqlx::Timestamp"
               FROM users
               WHERE role = coalesce($1, role) AND id > $2
               ORDER BY id
               LIMIT $3"#,
            filter.role.map(Role::as_str),
            filter.after.map_or(BEFORE_ALL, UserId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter()
            .map(|row| {
                let bad =
                    |column| StoreError::BadRow { table: "users", column, id: row.id.to_string() };
                Ok(UserRow {
                    id: row.id.into(),
                    email: row.email.try_into().map_err(|_| bad("email"))?,
                    role: row.role.parse().map_err(|_| bad("role"))?,
                    is_active: row.is_active,
                    created_at: row.created_at.to_jiff(),
                })
            })
            .collect()
    }
}
