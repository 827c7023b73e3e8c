//! The roles that the services sign in with.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::StoreError;

/// A login role of a service. None owns anything; what each may do is in the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceRole {
    /// Reads of api, in the name of its callers, under row-level security.
    Api,
    /// Sign-in and identity.
    Accounts,
    /// The booking worker.
    Booking,
    /// The eligibility worker.
    Eligibility,
    /// The ledger.
    Ops,
    /// The audit worker.
    Audit,
    /// Whoever verifies the audit log.
    Auditor,
}

impl ServiceRole {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Api,
        Self::Accounts,
        Self::Booking,
        Self::Eligibility,
        Self::Ops,
        Self::Audit,
        Self::Auditor,
    ];

    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "mediconnect_api",
            Self::Accounts => "mediconnect_accounts",
            Self::Booking => "mediconnect_booking",
            Self::Eligibility => "mediconnect_eligibility",
            Self::Ops => "mediconnect_ops",
            Self::Audit => "mediconnect_audit",
            Self::Auditor => "mediconnect_auditor",
        }
    }
}

impl fmt::Display for ServiceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role and the password it gets.
#[derive(Clone, Debug)]
pub struct ServiceLogin {
    /// Whose.
    pub role: ServiceRole,
    /// Its password.
    pub password: SecretString,
}

/// The same server and database, signed in to as `role`.
pub fn with_login(
    url: &SecretString,
    role: ServiceRole,
    password: &SecretString,
) -> Result<SecretString, StoreError> {
    let mut url = Url::parse(url.expose_secret()).map_err(|_| StoreError::MalformedUrl)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(StoreError::MalformedUrl);
    }
    let is_set = url.set_username(role.as_str()).is_ok()
        && url.set_password(Some(password.expose_secret())).is_ok();
    // A URL without a host (a socket in its query) has no place for a user before the path.
    if !is_set {
        url.query_pairs_mut()
            .append_pair("user", role.as_str())
            .append_pair("password", password.expose_secret());
    }
    Ok(SecretString::from(String::from(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_api_login(url: &str) -> Result<String, StoreError> {
        with_login(&url.into(), ServiceRole::Api, &"p@ss/1".into())
            .map(|url| url.expose_secret().to_owned())
    }

    #[test]
    fn replaces_user_and_password_and_keeps_the_rest() {
        assert_eq!(
            with_api_login("postgres://owner:secret@db:5433/clinic?sslmode=require").unwrap(),
            "postgres://mediconnect_api:p%40ss%2F1@db:5433/clinic?sslmode=require"
        );
        assert_eq!(
            with_api_login("postgres:///clinic?host=/run/pg").unwrap(),
            "postgres:///clinic?host=/run/pg&user=mediconnect_api&password=p%40ss%2F1"
        );
    }

    #[test]
    fn refuses_other_urls_without_quoting_them() {
        for url in ["", "mysql://owner:secret@db/x", "owner:secret"] {
            let refusal = with_api_login(url).unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
