//! What every new account needs.

use domain::Email;
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::CreateError;

use crate::app::App;
use crate::auth::password_policy::{Own, check_policy};
use crate::problem::{Problem, ProblemType};

/// A text of one line: 1 to 100 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ShortText(String);

/// The text is empty, too long, or has control characters. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("expected 1 to 100 characters, none of them a control character")]
pub struct InvalidShortText;

impl ShortText {
    /// The text, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Trims and checks.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_valid =
            (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        is_valid.then(|| Self(text.to_owned()))
    }
}

impl TryFrom<String> for ShortText {
    type Error = InvalidShortText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(InvalidShortText)
    }
}

/// The hash of a password that is good enough for whoever has that address and those names. The
/// refusal points at the field that it was in.
pub async fn hash(
    app: &App,
    password: SecretString,
    email: &Email,
    names: &[&str],
    field: &str,
) -> Result<SecretString, Problem> {
    let own = Own { email, names, clinic: &app.settings.clinic_name };
    check_policy(&password, own).map_err(|weakness| {
        Problem::new(ProblemType::InvalidBody).at_pointer(field, weakness.to_string())
    })?;
    Ok(app.passwords.hash(password).await?)
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::EmailTaken => ProblemType::EmailTaken.into(),
            CreateError::LicenceTaken => ProblemType::LicenceTaken.into(),
            CreateError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_one_line() {
        assert_eq!(ShortText::parse(" cardiology ").unwrap().as_str(), "cardiology");
        for text in ["", "  ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert_eq!(ShortText::parse(text), None, "{text:?}");
        }
    }
}
