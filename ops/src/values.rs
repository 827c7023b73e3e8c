//! Values on the command line, refused in our words instead of a library's.

use std::num::NonZeroU64;
use std::str::FromStr;

use contracts::audit::{InvalidStatedReason, StatedReason};
use domain::DeadLetterId;

/// Whatever reads as a `T`; `what` says what that looks like.
pub fn expected<T: FromStr + 'static>(
    what: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| text.parse().map_err(|_| format!("expected {what}"))
}

/// A whole number from 1 to `most`.
pub fn from_1_to<T: TryFrom<NonZeroU64> + 'static>(
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse::<NonZeroU64>().ok().filter(|number| number.get() <= most);
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("expected a whole number from 1 to {most}"))
    }
}

/// Why somebody does something, as the API takes it.
pub fn reason(text: &str) -> Result<String, InvalidStatedReason> {
    StatedReason::try_from(text.to_owned()).map(String::from)
}

/// A dead letter.
pub fn letter(text: &str) -> Result<DeadLetterId, String> {
    expected("a whole id, as `mediconnect dlq list` shows it")(text)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    #[test]
    fn numbers_have_bounds_that_are_told() {
        assert_eq!(from_1_to::<NonZeroU16>(200)("200").unwrap().get(), 200);
        for text in ["0", "201", "-1", "1.5", "many", ""] {
            let refusal = from_1_to::<NonZeroU16>(200)(text).unwrap_err();
            assert_eq!(refusal, "expected a whole number from 1 to 200", "{text}");
        }
    }

    #[test]
    fn letters_are_named_by_their_whole_id() {
        assert!(letter(&DeadLetterId::generate().to_string()).is_ok());
        assert!(letter("4f0c").unwrap_err().contains("whole id"));
    }

    #[test]
    fn a_reason_says_something() {
        assert_eq!(reason(" the constraint is gone ").unwrap(), "the constraint is gone");
        assert!(reason("xx").is_err() && reason("").is_err());
    }
}
