//! Codes of authenticator apps (RFC 6238): six digits, every 30 seconds, HMAC-SHA-1, because that is
//! what every app understands.

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use totp_rs::{Builder, Secret, Totp};

/// Digits of a code.
pub const DIGITS: u8 = 6;

/// How long a code is shown. The one before and the one after count, too: clocks differ.
pub const STEP_S: u64 = 30;

/// Bytes of a secret: as many as the hash has (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;

/// A new secret.
pub fn generate_secret() -> SecretSlice<u8> {
    let mut random = vec![0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut random)
        .expect("the operating system's random numbers don't fail once it is up");
    random.into()
}

/// The secret as people type it: base32.
pub fn base32(secret: &SecretSlice<u8>) -> SecretString {
    Secret::from(secret.expose_secret()).to_base32().into()
}

/// What an app reads from a QR code.
pub fn provisioning_uri(secret: &SecretSlice<u8>, clinic: &str, account: &str) -> SecretString {
    let (secret, clinic, account) = (base32(secret), escape(clinic), escape(account));
    let secret = secret.expose_secret();
    format!(
        "otpauth://totp/{clinic}:{account}?secret={secret}&issuer={clinic}&algorithm=SHA1\
         &digits={DIGITS}&period={STEP_S}"
    )
    .into()
}

/// The step whose code this is, among those that count now. Whether it was used before is decided
/// where it is stored.
pub fn step_of(secret: &SecretSlice<u8>, code: &str, now: Timestamp) -> Option<i64> {
    let is_code = code.len() == usize::from(DIGITS) && code.bytes().all(|b| b.is_ascii_digit());
    let now = u64::try_from(now.as_second()).ok()?;
    let step = app(secret).check(code, now).filter(|_| is_code)?;
    i64::try_from(step).ok()
}

fn app(secret: &SecretSlice<u8>) -> Totp {
    let secret = Secret::from(secret.expose_secret());
    let builder = Builder::new().with_digits(DIGITS).with_skew(1).with_step_duration(STEP_S);
    builder.with_secret(secret).build().expect("secrets have 20 bytes, and codes 6 digits")
}

/// Percent-encoding of what isn't unreserved (RFC 3986).
fn escape(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1; of its eight digits the last six.
    const VECTORS: [(i64, &str); 5] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ];

    fn secret() -> SecretSlice<u8> {
        b"12345678901234567890".to_vec().into()
    }

    #[test]
    fn knows_the_codes_of_the_standard() {
        for (second, code) in VECTORS {
            let now = Timestamp::from_second(second).unwrap();
            assert_eq!(step_of(&secret(), code, now), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn takes_the_neighbouring_steps_and_no_others() {
        let at = |second| step_of(&secret(), "005924", Timestamp::from_second(second).unwrap());
        let step = 1_234_567_890 / 30;
        assert_eq!(at(step * 30 - 30), Some(step));
        assert_eq!(at(step * 30 + 59), Some(step));
        assert_eq!(at(step * 30 - 31), None);
        assert_eq!(at(step * 30 + 60), None);
    }

    #[test]
    fn takes_six_digits_and_nothing_else() {
        let now = Timestamp::from_second(1_234_567_890).unwrap();
        for code in ["", "5924", " 005924", "005924 ", "+05924", "0005924", "00592４", "005-924"] {
            assert_eq!(step_of(&secret(), code, now), None, "{code}");
        }
    }

    #[test]
    fn an_app_can_read_it() {
        let uri = provisioning_uri(&secret(), "Clinic: North", "ada@clinic.example");
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/Clinic%3A%20North:ada%40clinic.example\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Clinic%3A%20North&algorithm=SHA1\
             &digits=6&period=30"
        );
        assert_ne!(generate_secret().expose_secret(), generate_secret().expose_secret());
    }
}
