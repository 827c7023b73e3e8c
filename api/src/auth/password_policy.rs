//! Which passwords are accepted: long ones (NIST SP 800-63B) that are not easy to guess. There are
//! no rules about kinds of characters, and none expires. With a second factor it is the same
//! minimum, so that nobody's password gets weak by removing theirs.
//!
//! Two blocklists: our own, of what somebody attacking this service and this person tries first, and
//! that of zxcvbn, 30,000 passwords seen in breaches beside words, names, dates and keyboard walks.

use domain::Email;
use secrecy::{ExposeSecret, SecretString};
use zxcvbn::{Score, zxcvbn};

use super::passwords::normalised;

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

/// What nobody's password may be made of, beside common words.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The address of the account.
    pub email: &'a Email,
    /// What its owner is called.
    pub names: &'a [&'a str],
    /// The clinic's name.
    pub clinic: &'a str,
}

/// Whether a password is good enough for the account of that person.
pub fn check_policy(password: &SecretString, own: Own<'_>) -> Result<(), WeakPassword> {
    if password.expose_secret().len() > MAX_BYTES {
        return Err(WeakPassword::TooLong);
    }
    let password = normalised(password);
    let password = password.expose_secret();
    if password.chars().count() < MIN_CHARS {
        return Err(WeakPassword::TooShort);
    }
    let own = own.words();
    let lower = password.to_lowercase();
    // A long random password may have few letters or none, and be good all the same.
    let symbols = lower.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
    let unguessable = letters_of_no_word(&lower, &own).max(symbols).max(digits_of_no_run(&lower));
    if unguessable < MIN_UNGUESSABLE_CHARS || is_repetition(&lower) {
        return Err(WeakPassword::Guessable);
    }
    let known: Vec<&str> =
        own.iter().map(String::as_str).chain(GUESSABLE.iter().copied()).collect();
    if zxcvbn(password, &known).score() < Score::Three {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

impl Own<'_> {
    /// Words of the address and the names, in lower case. Shorter ones would take letters out of any
    /// word.
    fn words(&self) -> Vec<String> {
        let texts =
            [self.email.as_str(), self.clinic].into_iter().chain(self.names.iter().copied());
        let words = texts.flat_map(|text| text.split(|c: char| !c.is_alphabetic()));
        words.filter(|word| word.len() >= 4).map(str::to_lowercase).collect()
    }
}

/// How many letters are left without guessable words and the person's own.
fn letters_of_no_word(text: &str, own: &[String]) -> usize {
    let letters: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    own.iter()
        .map(String::as_str)
        .chain(GUESSABLE.iter().copied())
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
        let names = ["Augusta", "King-Noel"];
        check_policy(&password.into(), Own { email: &email, names: &names, clinic: "St Elsewhere" })
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
        let number = |n: u32| format!("{:04x}", n * 7_919 % 65_536);
        let longest: String = (0..250).map(number).collect();
        assert_eq!((longest.len(), policy(&longest)), (MAX_BYTES, Ok(())));
    }

    #[test]
    fn item_01_any_15_characters_of_any_kind_count_and_64_are_allowed() {
        let long = "only small letters and spaces until the bell has rung twelve times";
        assert!(long.len() > 64);
        assert_eq!(policy(long), Ok(()));
        // 15 characters of any script, however their accents are written.
        assert_eq!(policy("вишня молоток 7"), Ok(()));
        assert_eq!(policy("e\u{301}lagage rideaux"), Ok(()));
        assert_eq!(policy("e\u{301}tang rideaux"), Err(WeakPassword::TooShort));
    }

    #[test]
    fn item_02_what_is_tried_first_is_refused_breached_or_of_the_service_or_the_person() {
        for password in [
            "1qaz2wsx3edc4rfv",
            "zaq12wsxcde34rfv",
            "123456789012345678",
            "qwertyuiopasdfghjkl",
            "passwordpassword1",
            "elsewhere2027elsewhere",
            "AugustaKingNoel1",
            "lovelace-lovelace",
            "mediconnect clinic",
        ] {
            assert_eq!(policy(password), Err(WeakPassword::Guessable), "{password}");
        }
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
