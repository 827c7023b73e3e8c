//! Tokens that were verified a moment ago, so that a caller's second request costs a hash
//! instead of a signature.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};

use super::tokens::Verified;

/// Tokens per generation; two generations take about 4 MiB when they are full.
const GENERATION_SIZE: usize = 16_384;

type Generation = HashMap<[u8; 32], Verified>;

/// A bounded memory of valid tokens, by their SHA-256. What wasn't asked for during a whole
/// generation is forgotten. Neither expiry nor revocation is decided here.
#[derive(Debug, Default)]
pub struct VerifiedTokens(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

impl VerifiedTokens {
    /// What that token said; `verify` is asked only the first time.
    pub fn get_or_verify<E>(
        &self,
        token: &str,
        verify: impl FnOnce() -> Result<Verified, E>,
    ) -> Result<Verified, E> {
        let digest = digest(&SHA256, token.as_bytes());
        let digest: [u8; 32] = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        if let Some(verified) = self.lock().get(digest) {
            return Ok(verified);
        }
        let verified = verify()?;
        self.lock().insert(digest, verified);
        Ok(verified)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&mut self, digest: [u8; 32]) -> Option<Verified> {
        if let Some(verified) = self.young.get(&digest) {
            return Some(*verified);
        }
        let verified = self.old.remove(&digest)?;
        self.insert(digest, verified);
        Some(verified)
    }

    fn insert(&mut self, digest: [u8; 32], verified: Verified) {
        if self.young.len() >= GENERATION_SIZE {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use domain::{Actor, Role};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn verified() -> Verified {
        let actor = Actor { id: Uuid::nil().into(), role: Role::Patient };
        let (session, expires_at) = (Uuid::nil().into(), Timestamp::UNIX_EPOCH);
        Verified { actor, session, expires_at, may_only_enrol: false }
    }

    #[test]
    fn verifies_a_token_once_and_remembers_no_failure() {
        let tokens = VerifiedTokens::default();
        assert_eq!(tokens.get_or_verify("a", || Err("forged")), Err("forged"));
        assert_eq!(tokens.get_or_verify("a", || Ok::<_, &str>(verified())), Ok(verified()));
        assert_eq!(tokens.get_or_verify("a", || Err("asked again")), Ok(verified()));
    }

    #[test]
    fn keeps_what_is_used_and_stays_bounded() {
        let tokens = VerifiedTokens::default();
        let see = |token: &str| tokens.get_or_verify(token, || Ok::<_, Infallible>(verified()));
        for number in 0..3 * GENERATION_SIZE {
            let _ = see(&number.to_string());
            let _ = see("used");
        }
        assert_eq!(tokens.get_or_verify("used", || Err("forgotten")), Ok(verified()));
        assert_eq!(tokens.get_or_verify("0", || Err("forgotten")), Err("forgotten"));
        let generations = tokens.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION_SIZE);
    }
}
