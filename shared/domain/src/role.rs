//! Who is asking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// What a signed-in person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Books for themselves, sees their own.
    Patient,
    /// Sees the visits and the patients that are theirs.
    Doctor,
    /// Sees everything, approves doctors, books for others (also the front desk).
    Admin,
    /// Keeps the machinery running and sees no patient data.
    Operator,
}

impl Role {
    /// Every role, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Patient, Self::Doctor, Self::Admin, Self::Operator];

    /// The word that tokens, headers and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is none of the roles.
#[derive(Debug, thiserror::Error)]
#[error("unknown role: expected patient, doctor, admin or operator")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The person in whose name a request runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// Their account.
    pub id: UserId,
    /// The role their token carries.
    pub role: Role,
}

impl fmt::Display for Actor {
    /// `<user-id>/<role>`, the form of the `Mc-Actor` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.role)
    }
}

/// The text is not `<user-id>/<role>`.
#[derive(Debug, thiserror::Error)]
#[error("an actor reads <user-id>/<role>")]
pub struct InvalidActor;

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, role) = text.split_once('/').ok_or(InvalidActor)?;
        Ok(Self {
            id: id.parse().map_err(|_| InvalidActor)?,
            role: role.parse().map_err(|_| InvalidActor)?,
        })
    }
}
