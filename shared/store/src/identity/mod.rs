//! Sign-in and identity, through the role `mediconnect_accounts`: the only data that api writes
//! itself. One file per table.

mod devices;
mod notices;
mod passwords;
mod patients;
mod practitioners;
mod second_factors;
mod sessions;
mod sign_in;
mod users;

use domain::{CorrelationId, Email, Role, UserId};
use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use sqlx::{Postgres, Transaction};

use crate::StoreError;
use crate::pool::Pool;

pub use devices::Device;
pub use notices::Notice;
pub use passwords::{NewReset, PasswordOwner};
pub use patients::Registration;
pub use practitioners::{Approval, NewPractitioner};
pub use second_factors::{Authenticator, Challenge, NewChallenge, Proof};
pub use sessions::{EndedSession, LiveSession, NewSession, Rotation, TokenDigest};
pub use sign_in::{Credentials, SignInState, Subject};
pub use users::{Account, AccountChange, FirstAdministrator};

/// The data of sign-in and identity.
#[derive(Clone, Debug)]
pub struct Accounts {
    pool: Pool,
    correlation_id: Option<CorrelationId>,
}

/// A user to be created.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// The id, which is the patient's or practitioner's too.
    pub id: UserId,
    /// What they sign in with.
    pub email: &'a Email,
    /// The PHC string of their password.
    pub password_hash: &'a SecretString,
    /// What they may do.
    pub role: Role,
    /// Who created them, when it wasn't themselves.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// Why a user wasn't created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Somebody signs in with that address already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Another practitioner has that licence.
    #[error("the licence is taken")]
    LicenceTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Connects on first use.
    pub fn connect(url: &SecretString, settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let connections = settings.accounts_connections;
        let pool = Pool::lazy(url, "mediconnect-accounts", connections, settings)?;
        Ok(Self { pool, correlation_id: None })
    }

    /// Fails unless the database is there and has the schema that this program knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.pool.check_schema().await
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The same, on behalf of a request: its correlation id goes into the server's own log.
    #[must_use]
    pub fn within(&self, correlation_id: CorrelationId) -> Self {
        Self { pool: self.pool.clone(), correlation_id: Some(correlation_id) }
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        match self.correlation_id {
            // One round trip for both; a UUID needs no quoting.
            Some(id) => {
                let opening = format!("BEGIN; SELECT log_correlation('{id}'::uuid)");
                self.pool.begin_with(&opening).await
            }
            None => self.pool.begin_with("BEGIN").await,
        }
    }
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        let error = StoreError::from(error);
        if error.is_violation_of("users_email_key") {
            Self::EmailTaken
        } else if error.is_violation_of("practitioners_licence_key") {
            Self::LicenceTaken
        } else {
            Self::Store(error)
        }
    }
}
