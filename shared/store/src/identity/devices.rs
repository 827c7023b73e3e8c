//! Table `known_devices`: browsers and apps that an account's owner has signed in from. Only digests
//! of their tokens are stored.

use domain::UserId;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

use super::TokenDigest;

/// A device is known for so long after its last sign-in.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Devices known per account; the one that wasn't used for longest goes first.
const DEVICES_MAX: i64 = 20;

/// Where somebody signs in.
#[derive(Clone, Copy, Debug)]
pub enum Device<'a> {
    /// Where they have signed in before.
    Known(&'a TokenDigest),
    /// Elsewhere; it is known from now on by this token.
    New(&'a TokenDigest),
}

/// The sign-in succeeded: the device is known from now on, and has no failures.
pub(super) async fn remember(
    connection: &mut PgConnection,
    user: UserId,
    device: Device<'_>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (Device::Known(token) | Device::New(token)) = device;
    sqlx::query!(
        "INSERT INTO known_devices (token_sha256, user_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (token_sha256) DO UPDATE
             SET expires_at = $3, failures = 0, retry_after = NULL
             WHERE known_devices.user_id = $2",
        token,
        user.as_uuid(),
        jiff_sqlx::Timestamp::from(now + KNOWN_FOR) as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM known_devices WHERE user_id = $1 AND token_sha256 NOT IN (
             SELECT token_sha256 FROM known_devices WHERE user_id = $1
             ORDER BY expires_at DESC LIMIT $2)",
        user.as_uuid(),
        DEVICES_MAX,
    )
    .execute(connection)
    .await
    .map(drop)
}
