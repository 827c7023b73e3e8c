//! Why somebody does what needs a reason, in their own words.

use serde::{Deserialize, Serialize};

/// Characters that a reason has at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=200;

/// A reason: one line. It is kept beside what was done, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatedReason(String);

/// The text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one line of 3 to 200 characters that says why")]
pub struct InvalidStatedReason;

impl StatedReason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StatedReason {
    type Error = InvalidStatedReason;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let is_line = !text.chars().any(char::is_control);
        if is_line && LENGTH.contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidStatedReason)
        }
    }
}

impl From<StatedReason> for String {
    fn from(reason: StatedReason) -> Self {
        reason.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        let read = |text: &str| StatedReason::try_from(text.to_owned());
        assert_eq!(read("  the constraint is gone ").unwrap().as_str(), "the constraint is gone");
        for text in ["", "  ", "ok", "a\r\nNats-Msg-Id: x", "a\u{0}bc", &"x".repeat(201)] {
            assert_eq!(read(text), Err(InvalidStatedReason), "{text:?}");
        }
    }
}
