//! Who insures whom: the payer and the member.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::coded::coded;

/// Longest payer id. Those in use have five to ten characters.
const PAYER_ID_MAX_CHARS: usize = 32;

/// Longest member id: X12 element NM109.
const MEMBER_ID_MAX_CHARS: usize = 80;

/// An insurer, as the clearinghouse numbers them: 1 to 32 letters, digits, `-` or `_`. It is a
/// text: `00123` is not `123`. It says nothing about a person and may label metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayerId(String);

/// Why a text is no payer id.
#[derive(Debug, thiserror::Error)]
#[error("a payer id has 1 to {PAYER_ID_MAX_CHARS} letters, digits, - or _")]
pub struct InvalidPayerId;

impl PayerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PayerId {
    type Error = InvalidPayerId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_valid = (1..=PAYER_ID_MAX_CHARS).contains(&text.len()) && text.bytes().all(is_plain);
        if is_valid { Ok(Self(text)) } else { Err(InvalidPayerId) }
    }
}

impl FromStr for PayerId {
    type Err = InvalidPayerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<PayerId> for String {
    fn from(id: PayerId) -> Self {
        id.0
    }
}

impl fmt::Display for PayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an insurer knows a person by (FHIR `Coverage.subscriberId`): 1 to 80 visible ASCII
/// characters. It identifies that person, so `Debug` hides it and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(String);

/// Why a text is no member id. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("a member id has 1 to {MEMBER_ID_MAX_CHARS} visible ASCII characters, and no spaces")]
pub struct InvalidMemberId;

impl MemberId {
    /// The id as text, for the insurer and the database only.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MemberId {
    type Error = InvalidMemberId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_valid = (1..=MEMBER_ID_MAX_CHARS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic());
        if is_valid { Ok(Self(text)) } else { Err(InvalidMemberId) }
    }
}

impl FromStr for MemberId {
    type Err = InvalidMemberId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<MemberId> for String {
    fn from(id: MemberId) -> Self {
        id.0
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemberId(…)")
    }
}

coded! {
    /// What the patient is to the subscriber (FHIR `Coverage.relationship`).
    Relationship {
        /// The same person.
        SelfSubscriber = "self",
        /// Married to them.
        Spouse = "spouse",
        /// Their child.
        Child = "child",
        /// Their parent.
        Parent = "parent",
        /// Living with them as if married.
        Common = "common",
        /// Something else.
        Other = "other",
        /// Injured, where the subscriber has to answer for it.
        Injured = "injured",
    }
}

coded! {
    /// FHIR `Coverage.status`.
    CoverageStatus {
        /// It counts.
        Active = "active",
        /// It was ended before its time.
        Cancelled = "cancelled",
        /// Not complete yet.
        Draft = "draft",
        /// It should never have been there.
        EnteredInError = "entered-in-error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payers_keep_their_leading_zeros() {
        assert_eq!("00123".parse::<PayerId>().unwrap().as_str(), "00123");
        let long = "1".repeat(33);
        for text in ["", "a b", "a.b", "a/b", "a>b", "ü", "a\n", &long] {
            assert!(text.parse::<PayerId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn members_hide_from_debug() {
        let id: MemberId = "MEMBER-1".parse().unwrap();
        assert_eq!(format!("{id:?}"), "MemberId(…)");
        let long = "1".repeat(81);
        for text in ["", "a b", "ü", "a\n", &long] {
            assert!(text.parse::<MemberId>().is_err(), "{text:?}");
        }
    }
}
