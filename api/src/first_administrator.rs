//! Somebody has to be first: the administrator of the settings, created when there is none.

use std::time::Duration;

use domain::{Clock, CorrelationId, Email, Role, UserId};
use runtime::Shutdown;
use secrecy::SecretString;
use store::identity::{Accounts, CreateError, FirstAdministrator, NewUser};

use crate::auth::password_policy::{Own, WeakPassword, check_policy};
use crate::auth::passwords::Passwords;

/// Pause while the database is away.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What the first administrator signs in with, checked.
#[derive(Clone, Debug)]
pub struct FirstLogin {
    email: Email,
    password: SecretString,
}

/// Why an address and a password can't be the first administrator's.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFirstLogin {
    /// The address is none.
    #[error("ADMIN_EMAIL is {0}")]
    Email(#[from] domain::InvalidEmail),
    /// The password is too weak.
    #[error("ADMIN_PASSWORD is refused: {0}")]
    Password(#[from] WeakPassword),
}

impl FirstLogin {
    /// Checks address and password as for any other account.
    pub fn new(email: &str, password: &SecretString) -> Result<Self, InvalidFirstLogin> {
        let email = Email::try_from(email.to_owned())?;
        check_policy(password, Own { email: &email, names: &[], clinic: "MediConnect" })?;
        Ok(Self { email, password: password.clone() })
    }

    /// Creates the administrator if there is none at all.
    pub async fn create(
        &self,
        accounts: &Accounts,
        clock: &dyn Clock,
    ) -> Result<FirstAdministrator, CreateError> {
        // Looked at first, because a hash takes its time.
        if accounts.has_administrator().await? {
            return Ok(FirstAdministrator::AlreadyThere);
        }
        let hashed = Passwords::new(1, 0).hash(self.password.clone()).await;
        let password_hash = hashed.expect("a pool of one's own is never full");
        let user = NewUser {
            id: UserId::generate(),
            email: &self.email,
            password_hash: &password_hash,
            role: Role::Admin,
            created_by: None,
            created_at: clock.now(),
        };
        accounts.first_administrator(&user).await
    }

    /// Goes on until the database was there to say whether there is an administrator.
    pub(crate) async fn create_eventually(
        self,
        accounts: Accounts,
        clock: domain::SharedClock,
        shutdown: Shutdown,
    ) {
        let accounts = accounts.within(CorrelationId::generate());
        loop {
            match self.create(&accounts, clock.as_ref()).await {
                Ok(FirstAdministrator::Created) => {
                    tracing::info!("the first administrator was created");
                    return;
                }
                Ok(FirstAdministrator::AlreadyThere) => return,
                Err(CreateError::Store(error)) => {
                    tracing::debug!(%error, "cannot look for an administrator yet");
                }
                Err(error) => {
                    tracing::error!(%error, "the first administrator can't be created");
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_PAUSE) => {}
                () = shutdown.soft_stopped() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_of_the_two_is_wrong() {
        let refusal = |email, password: &str| {
            FirstLogin::new(email, &password.into()).unwrap_err().to_string()
        };
        assert!(refusal("nobody", "three unrelated words").contains("ADMIN_EMAIL"));
        assert!(refusal("a@clinic.example", "admin").contains("ADMIN_PASSWORD"));
        assert!(FirstLogin::new("a@clinic.example", &"three unrelated words".into()).is_ok());
    }
}
