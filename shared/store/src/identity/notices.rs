//! Table `account_notices`: what people have to be told of their accounts, for whatever delivers it.

use domain::UserId;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

/// What somebody has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody, perhaps they themselves, wants a new password.
    ResetRequested,
    /// Somebody tried to register with their address.
    RegistrationRepeated,
    /// There is a new password.
    PasswordChanged,
    /// A second factor was added, renewed or removed.
    SecondFactorChanged,
}

impl Notice {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResetRequested => "account.reset-requested",
            Self::RegistrationRepeated => "account.registration-repeated",
            Self::PasswordChanged => "account.password-changed",
            Self::SecondFactorChanged => "account.second-factor-changed",
        }
    }
}

/// Leaves a notice, unless the same one still waits for delivery.
pub(super) async fn leave(
    connection: &mut PgConnection,
    notice: Notice,
    user: UserId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO account_notices (id, kind, user_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, kind) WHERE delivered_at IS NULL DO NOTHING",
        Uuid::now_v7(),
        notice.as_str(),
        user.as_uuid(),
        jiff_sqlx::Timestamp::from(now) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// The same for whoever has that address, if anybody has: one statement either way.
pub(super) async fn leave_at(
    connection: &mut PgConnection,
    notice: Notice,
    email: &str,
    but: Option<UserId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO account_notices (id, kind, user_id, created_at)
         SELECT $1, $2, id, $4 FROM users
             WHERE email = $3 AND status = 'active' AND id IS DISTINCT FROM $5
         ON CONFLICT (user_id, kind) WHERE delivered_at IS NULL DO NOTHING",
        Uuid::now_v7(),
        notice.as_str(),
        email,
        jiff_sqlx::Timestamp::from(now) as _,
        but.map(UserId::as_uuid),
    )
    .execute(connection)
    .await
    .map(drop)
}
