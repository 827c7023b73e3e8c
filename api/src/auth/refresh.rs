//! Refresh tokens: 256 random bits, kept by the client as text and by us as a digest. Each is
//! used once; what comes of a second use is decided where the tokens are stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use store::identity::TokenDigest;

/// A new token, and what is stored of it.
pub fn generate() -> (SecretString, TokenDigest) {
    let mut random = [0; 32];
    SystemRandom::new()
        .fill(&mut random)
        .expect("the operating system's random numbers don't fail once it is up");
    let token = SecretString::from(URL_SAFE_NO_PAD.encode(random));
    let digest = digest_of(&token);
    (token, digest)
}

/// What is stored of a token.
pub fn digest_of(token: &SecretString) -> TokenDigest {
    let digest = digest(&SHA256, token.expose_secret().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_the_digest_is_of_the_text() {
        let (one, digest) = generate();
        let (another, _) = generate();
        assert_ne!(one.expose_secret(), another.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
        assert_eq!(digest_of(&one), digest);
    }
}
