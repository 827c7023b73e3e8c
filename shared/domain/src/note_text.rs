//! What a clinical note says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters that a note has at most.
const MAX: usize = 10_000;

/// The text of a clinical note: 1 to 10,000 characters in any number of lines. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteText(String);

/// The text is no note. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 10000 characters, of which lines and tabs are the only ones unseen")]
pub struct InvalidNoteText;

impl NoteText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NoteText {
    type Error = InvalidNoteText;

    fn try_from(text: String) -> Result<Self, InvalidNoteText> {
        let is_unseen = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let is_empty = text.trim().is_empty();
        if is_empty || text.chars().any(is_unseen) || text.chars().count() > MAX {
            return Err(InvalidNoteText);
        }
        Ok(Self(text))
    }
}

impl From<NoteText> for String {
    fn from(text: NoteText) -> Self {
        text.0
    }
}

impl fmt::Debug for NoteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteText({} characters)", self.0.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_lines_and_says_nothing_of_them() {
        let text = NoteText::try_from("pain since Monday\n\tleft knee".to_owned()).unwrap();
        assert_eq!(format!("{text:?}"), "NoteText(28 characters)");
        for text in ["", " \n", "a\0b", &"x".repeat(MAX + 1)] {
            assert_eq!(NoteText::try_from(text.to_owned()), Err(InvalidNoteText));
        }
        assert!(NoteText::try_from("ß".repeat(MAX)).is_ok());
    }
}
