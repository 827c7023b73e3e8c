//! Who is asking: access tokens, refresh tokens, passwords, revocations.

pub mod keys;
pub mod login_wait;
pub mod password_policy;
pub mod passwords;
mod provider;
pub mod recovery_codes;
pub mod refresh;
pub mod revocations;
pub mod tokens;
pub mod totp;
pub mod verified;

use domain::SharedClock;

pub use keys::{Keys, KeysError, generate_signing_key};
pub use passwords::Passwords;
pub use revocations::Revocations;
pub use tokens::{InvalidToken, Tokens, Verified};
pub use verified::VerifiedTokens;

/// Decides whether an access token counts, in microseconds.
pub struct Authenticator {
    tokens: Tokens,
    verified: VerifiedTokens,
    revocations: Revocations,
    clock: SharedClock,
}

impl Authenticator {
    /// Checks tokens of `tokens` against `revocations`.
    pub fn new(tokens: Tokens, revocations: Revocations, clock: SharedClock) -> Self {
        Self { tokens, verified: VerifiedTokens::default(), revocations, clock }
    }

    /// What the token says, if it counts at this moment.
    pub fn verify(&self, token: &str) -> Result<Verified, InvalidToken> {
        let now = self.clock.now();
        let verified = self.verified.get_or_verify(token, || self.tokens.verify(token, now))?;
        if verified.is_expired(now) {
            return Err(InvalidToken::Expired);
        }
        if self.revocations.is_revoked(verified.session) {
            return Err(InvalidToken::Revoked);
        }
        Ok(verified)
    }

    /// Makes tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Ends sessions.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }
}
