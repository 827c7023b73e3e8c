//! Recovery codes: instead of an authenticator that is lost, each once. 120 random bits, so that a
//! plain digest of each is enough to keep (ASVS 5.0, 6.5.2).

use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use store::identity::TokenDigest;

use super::refresh::digest_of;

/// How many somebody gets.
pub const COUNT: usize = 10;

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// Letters of a code, without what separates its groups.
const LETTERS: usize = 24;

/// Letters per group.
const GROUP: usize = 6;

/// New codes, and what is stored of them.
pub fn generate() -> (Vec<SecretString>, Vec<TokenDigest>) {
    let codes: Vec<SecretString> = (0..COUNT).map(|_| generate_one()).collect();
    let digests = codes.iter().map(digest).collect();
    (codes, digests)
}

/// What is stored of a code, however it was typed.
pub fn digest(code: &SecretString) -> TokenDigest {
    let typed = code.expose_secret().chars().filter(char::is_ascii_alphanumeric);
    digest_of(&typed.map(|c| c.to_ascii_lowercase()).collect::<String>().into())
}

fn generate_one() -> SecretString {
    let mut random = [0; LETTERS];
    SystemRandom::new()
        .fill(&mut random)
        .expect("the operating system's random numbers don't fail once it is up");
    let mut code = String::new();
    for (index, byte) in random.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    code.into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_alike_and_each_is_recognised_however_it_is_typed() {
        let (codes, digests) = generate();
        assert_eq!(digests.iter().collect::<HashSet<_>>().len(), COUNT);
        let code = codes[0].expose_secret();
        assert_eq!(code.len(), LETTERS + LETTERS / GROUP - 1);
        for typed in [code.to_uppercase(), code.replace('-', " "), code.replace('-', "")] {
            assert_eq!(digest(&typed.into()), digests[0]);
        }
    }
}
