//! Which passwords are accepted: long ones (NIST SP 800-63B) that are not easy to guess. There are
//! no rules about kinds of characters, and none expires.

use domain::Email;
use secrecy::{ExposeSecret, SecretString};

/// NIST SP 800-63B's minimum for a password that is the only factor.
const MIN_CHARS: usize = 15;

/// Far beyond what people type; keeps hashing work small.
const MAX_BYTES: usize = 1000;

/// Letters that must be left when everything guessable is taken away.
const MIN_UNGUESSABLE_CHARS: usize = 6;

/// Words that somebody attacking this service tries first, longest first where one contains
/// another. Letters only: digits and punctuation don't make them better.
const GUESSABLE: &[&str] = &[
    "correcthorsebatterystaple",
    "mediconnect",
    "administrator",
    "appointment",
    "letmein",
    "password",
    "passwort",
    "passphrase",
    "operator",
    "hospital",
    "changeme",
    "practitioner",
    "patient",
    "default",
    "welcome",
    "qwertyuiop",
    "asdfghjkl",
    "qwertz",
    "qwerty",
    "azerty",
    "iloveyou",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdef",
    "secret",
    "clinic",
    "doctor",
    "health",
    "medic",
    "admin",
    "senha",
    "test",
    "user",
];

/// Why a password is refused. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("a password has at least {MIN_CHARS} characters; a few unrelated words will do")]
    TooShort,
    /// Too long.
    #[error("a password has at most {MAX_BYTES} bytes")]
    TooLong,
    /// Made of what is tried first.
    #[error(
        "this password is easy to guess: it is little more than common words, a repetition, the e-mail address or the name of this service"
    )]
    Guessable,
}

/// Whether a password is good enough for the account of that address.
pub fn check_policy(password: &SecretString, email: &Email) -> Result<(), WeakPassword> {
    let password = password.expose_secret();
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::TooLong);
    }
    if password.chars().count() < MIN_CHARS {
        return Err(WeakPassword::TooShort);
    }
    let lower = password.to_lowercase();
    // A long random password may have few letters or none, and be good all the same.
    let symbols = lower.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
    let unguessable = letters_of_no_word(&lower, email).max(symbols).max(digits_of_no_run(&lower));
    if unguessable < MIN_UNGUESSABLE_CHARS || is_repetition(&lower) {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

/// How many letters are left without guessable words and the parts of the e-mail address.
fn letters_of_no_word(text: &str, email: &Email) -> usize {
    // Shorter parts would take letters out of any word.
    let own = email.as_str().split(|c: char| !c.is_alphabetic()).filter(|part| part.len() >= 4);
    let letters: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    own.chain(GUESSABLE.iter().copied())
        .fold(letters, |letters, word| letters.replace(word, ""))
        .chars()
        .count()
}

/// How many digits follow their neighbour neither up, nor down, nor the same.
fn digits_of_no_run(text: &str) -> usize {
    let digits: Vec<i16> = text.bytes().filter(u8::is_ascii_digit).map(i16::from).collect();
    let steps = digits.windows(2).map(|pair| (pair[1] - pair[0] + 10) % 10);
    steps.filter(|step| !matches!(step, 0 | 1 | 9)).count()
}

/// Whether the text is one short piece, over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=chars.len() / 3)
        .any(|period| chars.iter().skip(period).zip(&chars).all(|(one, another)| one == another))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(password: &str) -> Result<(), WeakPassword> {
        let email = Email::try_from("ada.lovelace@engine.example".to_owned()).unwrap();
        check_policy(&password.into(), &email)
    }

    #[test]
    fn takes_what_is_long_and_hard_to_guess() {
        for password in [
            "three unrelated words",
            "7c3f9a1e5b8d2046",
            "830194756201938",
            "öäü-straßen-laterne",
            "!§$%&/()=?`´*+#'",
        ] {
            assert_eq!(policy(password), Ok(()), "{password}");
        }
        assert_eq!(policy(&format!("{}word", "0f".repeat(498))), Ok(()));
    }

    #[test]
    fn refuses_short_long_and_guessable_ones() {
        assert_eq!(policy("Tr0ub4dor&3"), Err(WeakPassword::TooShort));
        assert_eq!(policy("ÄÖÜäöüßÄÖÜäöüß"), Err(WeakPassword::TooShort));
        assert_eq!(policy(&"x1".repeat(501)), Err(WeakPassword::TooLong));
        for password in [
            "aaaaaaaaaaaaaaaa",
            "abc1abc1abc1abc1",
            "123456789012345",
            "password123456789",
            "MediConnect-2027!",
            "mediconnectadmin1",
            "Admin Admin Admin",
            "correct horse battery staple",
            "ada.lovelace@engine",
            "qwertyuiop123456",
        ] {
            assert_eq!(policy(password), Err(WeakPassword::Guessable), "{password}");
        }
    }
}
