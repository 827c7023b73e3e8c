//! The address a person signs in with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A syntactically plausible e-mail address in lower case, at most 254 bytes (RFC 5321).
///
/// `Debug` doesn't show it: addresses identify people and never enter logs.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a text is not an e-mail address. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("not an e-mail address: expected name@domain, at most 254 characters, no spaces")]
pub struct InvalidEmail;

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        let (name, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let labels = || domain.split('.');
        let valid = text.len() <= 254
            && (1..=64).contains(&name.len())
            && name.chars().all(plain)
            && labels().count() >= 2
            && labels().all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if valid { Ok(Self(text.to_lowercase())) } else { Err(InvalidEmail) }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_hides_itself_from_debug() {
        let email = Email::try_from("Ada@Clinic.Example".to_owned()).unwrap();
        assert_eq!(email.as_str(), "ada@clinic.example");
        assert!(!format!("{email:?}").contains("ada"));
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = format!("{}@clinic.example", "x".repeat(250));
        for text in ["", "ada", "@x.y", "a@b", "a@b.", "a b@c.d", "a@b@c.d", "a\n@c.d", &long] {
            assert!(Email::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
