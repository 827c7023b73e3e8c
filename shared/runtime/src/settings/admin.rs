//! `admin.*`: the first administrator.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::secret;
use super::violation::{Violation, both_or_neither};

/// The administrator that is created when there is none yet. There is no default password:
/// either both values are given or neither.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSettings {
    /// `ADMIN_EMAIL`. Default: none.
    pub email: Option<String>,
    /// `ADMIN_PASSWORD`. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub password: Option<SecretString>,
}

impl AdminSettings {
    /// E-mail and password, when they are set.
    pub fn credentials(&self) -> Option<(&str, &SecretString)> {
        self.email.as_deref().zip(self.password.as_ref())
    }

    pub(super) fn check(&self) -> Result<(), Violation> {
        both_or_neither(
            ("admin.email", self.email.is_some()),
            ("admin.password", self.password.is_some()),
        )
    }
}

/// The e-mail address is personal data, so it stays out of logs as well.
impl fmt::Debug for AdminSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminSettings").field("set", &self.email.is_some()).finish_non_exhaustive()
    }
}
