//! `database.*`: PostgreSQL.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};
use super::{SettingsError, secret};

/// Settings of PostgreSQL. Each service signs in with a role of its own, hence the URLs; a
/// process needs only the ones it uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `DATABASE_URL`: the owner, for migrations. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub url: Option<SecretString>,
    /// Role `mediconnect_api`: reads under row-level security. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub api_url: Option<SecretString>,
    /// Role `mediconnect_accounts`: sign-in and identity. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub accounts_url: Option<SecretString>,
    /// Role `mediconnect_booking`: the booking worker. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub booking_url: Option<SecretString>,
    /// Role `mediconnect_eligibility`: the eligibility worker. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub eligibility_url: Option<SecretString>,
    /// Role `mediconnect_ops`: the ledger. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub ops_url: Option<SecretString>,
    /// Role `mediconnect_audit`: the audit worker, which adds to the audit log. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub audit_url: Option<SecretString>,
    /// Role `mediconnect_auditor`: `mediconnect audit verify`, which reads the audit log.
    /// Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub auditor_url: Option<SecretString>,
    /// Connections of the API for reads, at most. Default: 6.
    pub api_connections: u32,
    /// Connections of the API for sign-in and identity, at most. Default: 2.
    pub accounts_connections: u32,
    /// Connections of the booking worker, at most. Default: 4.
    pub booking_connections: u32,
    /// Connections of the eligibility worker, at most. Default: 4.
    pub eligibility_connections: u32,
    /// Time after which PostgreSQL cancels a statement. Default: 5,000 ms.
    pub statement_timeout_ms: u64,
    /// Time to get a connection. Default: 3,000 ms.
    pub connect_timeout_ms: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: None,
            api_url: None,
            accounts_url: None,
            booking_url: None,
            eligibility_url: None,
            ops_url: None,
            audit_url: None,
            auditor_url: None,
            api_connections: 6,
            accounts_connections: 2,
            booking_connections: 4,
            eligibility_connections: 4,
            statement_timeout_ms: 5_000,
            connect_timeout_ms: 3_000,
        }
    }
}

impl DatabaseSettings {
    /// The owner's URL, or an error that says how to set it.
    pub fn require_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.url.as_ref(), "database.url")
    }

    /// The URL of the API's reads, or an error that says how to set it.
    pub fn require_api_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.api_url.as_ref(), "database.api_url")
    }

    /// The URL of sign-in and identity, or an error that says how to set it.
    pub fn require_accounts_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.accounts_url.as_ref(), "database.accounts_url")
    }

    /// The URL of the booking worker, or an error that says how to set it.
    pub fn require_booking_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.booking_url.as_ref(), "database.booking_url")
    }

    /// The URL of the eligibility worker, or an error that says how to set it.
    pub fn require_eligibility_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.eligibility_url.as_ref(), "database.eligibility_url")
    }

    /// The URL of the ledger, or an error that says how to set it.
    pub fn require_ops_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.ops_url.as_ref(), "database.ops_url")
    }

    /// The URL of the audit worker, or an error that says how to set it.
    pub fn require_audit_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.audit_url.as_ref(), "database.audit_url")
    }

    /// The URL of whoever verifies the audit log, or an error that says how to set it.
    pub fn require_auditor_url(&self) -> Result<&SecretString, SettingsError> {
        require(self.auditor_url.as_ref(), "database.auditor_url")
    }

    pub(super) fn check(&self) -> Result<(), Violation> {
        for (key, url) in [
            ("database.url", &self.url),
            ("database.api_url", &self.api_url),
            ("database.accounts_url", &self.accounts_url),
            ("database.booking_url", &self.booking_url),
            ("database.ops_url", &self.ops_url),
            ("database.audit_url", &self.audit_url),
            ("database.auditor_url", &self.auditor_url),
        ] {
            if !url.as_ref().is_none_or(is_postgresql) {
                let form = "must look like postgres://user:password@host:5432/database";
                return Err(Violation::value(key, form));
            }
        }
        within(
            1..=1_000,
            &[
                ("database.api_connections", self.api_connections.into()),
                ("database.accounts_connections", self.accounts_connections.into()),
                ("database.booking_connections", self.booking_connections.into()),
                ("database.eligibility_connections", self.eligibility_connections.into()),
            ],
        )?;
        within(
            1..=600_000,
            &[
                ("database.statement_timeout_ms", self.statement_timeout_ms),
                ("database.connect_timeout_ms", self.connect_timeout_ms),
            ],
        )
    }
}

fn is_postgresql(url: &SecretString) -> bool {
    let url = url.expose_secret();
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn require<'a>(
    url: Option<&'a SecretString>,
    key: &'static str,
) -> Result<&'a SecretString, SettingsError> {
    url.ok_or_else(|| SettingsError::missing(key))
}
