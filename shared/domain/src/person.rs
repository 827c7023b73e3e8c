//! What a person is called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A FHIR `HumanName`, reduced to what a front desk needs. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedName")]
pub struct HumanName {
    given: String,
    family: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedName {
    given: String,
    family: String,
}

/// Why a name is refused. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("given and family name need 1 to 100 characters each, none of them a control character")]
pub struct InvalidName;

impl HumanName {
    /// A name whose parts are trimmed, not empty, and at most 100 characters each.
    pub fn new(given: &str, family: &str) -> Result<Self, InvalidName> {
        let part = |text: &str| {
            let text = text.trim();
            let valid =
                (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
            if valid { Ok(text.to_owned()) } else { Err(InvalidName) }
        };
        Ok(Self { given: part(given)?, family: part(family)? })
    }

    /// First name or names.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// Surname.
    pub fn family(&self) -> &str {
        &self.family
    }
}

impl TryFrom<UncheckedName> for HumanName {
    type Error = InvalidName;

    fn try_from(name: UncheckedName) -> Result<Self, Self::Error> {
        Self::new(&name.given, &name.family)
    }
}

impl fmt::Debug for HumanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HumanName(…)")
    }
}
