//! Access tokens: JWTs signed with Ed25519, after RFC 9068, and checked after RFC 8725: one
//! algorithm, one type, every claim present, and no key from anywhere but our own folder.

use domain::{Actor, Role, SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::keys::{JsonWebKeySet, Keys};
use super::provider;

/// What `typ` says, so that no other kind of token passes for this one.
const TYPE: &str = "at+jwt";

/// Tolerance between the clocks of the processes.
const LEEWAY: SignedDuration = SignedDuration::from_secs(5);

/// Longer texts are none of our tokens; the bound keeps the parser's work small.
const MAX_BYTES: usize = 2048;

/// Makes and checks access tokens.
#[derive(Debug)]
pub struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
    lifetime: SignedDuration,
    validation: Validation,
}

/// What a valid token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// In whose name.
    pub actor: Actor,
    /// Their sign-in.
    pub session: SessionId,
    /// Not valid from then on.
    pub expires_at: Timestamp,
    /// They need a second factor and have none: all that they may do is to enrol one.
    pub may_only_enrol: bool,
}

/// What a token is limited to (RFC 9068, section 2.2.3). Most aren't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Scope {
    /// To enrol a second factor.
    #[serde(rename = "second-factor:enrol")]
    EnrolSecondFactor,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Not a JWT, or one with a header that we never write.
    #[error("malformed token")]
    Malformed,
    /// Signed in a way that we never sign.
    #[error("wrong algorithm")]
    Algorithm,
    /// Signed with a key that isn't ours, or no longer.
    #[error("unknown key")]
    UnknownKey,
    /// Another kind of token.
    #[error("wrong type of token")]
    Type,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing or not for us.
    #[error("wrong claims")]
    Claims,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time is yet to come.
    #[error("not valid yet")]
    NotYet,
    /// Its session was ended.
    #[error("revoked")]
    Revoked,
}

impl InvalidToken {
    /// A word for metrics. Callers aren't told which it was.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Type => "type",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Revoked => "revoked",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Tokens {
    /// Tokens of this issuer for this audience, each valid for `lifetime`.
    pub fn new(keys: Keys, issuer: &str, audience: &str, lifetime: SignedDuration) -> Self {
        provider::install();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared below, with our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { keys, issuer: issuer.into(), audience: audience.into(), lifetime, validation }
    }

    /// How long a token is valid.
    pub fn lifetime(&self) -> SignedDuration {
        self.lifetime
    }

    /// The public keys.
    pub fn public_keys(&self) -> JsonWebKeySet {
        self.keys.public()
    }

    /// A token for `actor` within `session`.
    pub fn issue(&self, actor: Actor, session: SessionId, now: Timestamp) -> String {
        self.issue_limited(actor, session, None, now)
    }

    /// A token for `actor` within `session`, with which they can enrol a second factor and do
    /// nothing else.
    pub fn issue_to_enrol(&self, actor: Actor, session: SessionId, now: Timestamp) -> String {
        self.issue_limited(actor, session, Some(Scope::EnrolSecondFactor), now)
    }

    fn issue_limited(
        &self,
        actor: Actor,
        session: SessionId,
        scope: Option<Scope>,
        now: Timestamp,
    ) -> String {
        let (kid, key) = self.keys.signing();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(kid.into());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: actor.id,
            sid: session,
            role: actor.role,
            scope,
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: (now + self.lifetime).as_second(),
        };
        encode(&header, &claims, key).expect("the key was tried when it was loaded")
    }

    /// What the token says, if it is one of ours and its time is now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, InvalidToken> {
        use jsonwebtoken::errors::ErrorKind;
        if token.len() > MAX_BYTES {
            return Err(InvalidToken::Malformed);
        }
        let header = decode_header(token).map_err(|_| InvalidToken::Malformed)?;
        let kid = check_header(&header)?;
        let key = self.keys.verifying(kid).ok_or(InvalidToken::UnknownKey)?;
        let claims = decode::<Claims>(token, key, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => InvalidToken::Signature,
                ErrorKind::InvalidAlgorithm => InvalidToken::Algorithm,
                _ => InvalidToken::Claims,
            })?
            .claims;
        let time = |second| Timestamp::from_second(second).map_err(|_| InvalidToken::Claims);
        let (expires_at, not_before) = (time(claims.exp)?, time(claims.nbf)?);
        if now >= expires_at + LEEWAY {
            return Err(InvalidToken::Expired);
        }
        if now < not_before - LEEWAY {
            return Err(InvalidToken::NotYet);
        }
        let actor = Actor { id: claims.sub, role: claims.role };
        let may_only_enrol = claims.scope.is_some();
        Ok(Verified { actor, session: claims.sid, expires_at, may_only_enrol })
    }
}

impl Verified {
    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at + LEEWAY
    }
}

/// The key id of a header that we could have written ourselves.
fn check_header(header: &Header) -> Result<&str, InvalidToken> {
    if header.alg != Algorithm::EdDSA {
        return Err(InvalidToken::Algorithm);
    }
    if header.typ.as_deref() != Some(TYPE) {
        return Err(InvalidToken::Type);
    }
    let brings_a_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some();
    if brings_a_key {
        return Err(InvalidToken::Malformed);
    }
    header.kid.as_deref().ok_or(InvalidToken::UnknownKey)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::hmac;
    use ring::signature::Ed25519KeyPair;
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::keys::generate_signing_key;
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

    struct Fixture {
        tokens: Tokens,
        pair: Ed25519KeyPair,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let pem = generate_signing_key();
        std::fs::write(folder.path().join("k1.pem"), pem.expose_secret()).unwrap();
        let keys = Keys::load(folder.path()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(keys.signing().1.as_bytes()).unwrap();
        Fixture { tokens: Tokens::new(keys, "mediconnect", "mediconnect-api", LIFETIME), pair }
    }

    fn patient() -> Actor {
        Actor { id: Uuid::from_u128(7).into(), role: Role::Patient }
    }

    fn session() -> SessionId {
        Uuid::from_u128(9).into()
    }

    fn header() -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" })
    }

    fn claims() -> Value {
        json!({
            "iss": "mediconnect", "aud": "mediconnect-api", "role": "patient",
            "sub": Uuid::from_u128(7), "sid": Uuid::from_u128(9),
            "iat": NOW.as_second(), "nbf": NOW.as_second(),
            "exp": (NOW + LIFETIME).as_second(),
        })
    }

    fn signed_by(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    impl Fixture {
        fn verify(&self, header: &Value, claims: &Value) -> Result<Verified, InvalidToken> {
            let token =
                signed_by(header, claims, |message| self.pair.sign(message).as_ref().to_vec());
            self.tokens.verify(&token, NOW)
        }
    }

    #[test]
    fn reads_back_what_it_issued() {
        let Fixture { tokens, .. } = fixture();
        let token = tokens.issue(patient(), session(), NOW);
        let expires_at = NOW + LIFETIME;
        let (actor, session) = (patient(), session());
        let verified = Verified { actor, session, expires_at, may_only_enrol: false };
        assert_eq!(tokens.verify(&token, NOW), Ok(verified));
        let limited = tokens.issue_to_enrol(actor, session, NOW);
        assert!(tokens.verify(&limited, NOW).unwrap().may_only_enrol);
        assert!(token.len() < MAX_BYTES / 2);
    }

    #[test]
    fn holds_from_its_beginning_to_its_end() {
        let Fixture { tokens, .. } = fixture();
        let token = tokens.issue(patient(), session(), NOW);
        let at = |now| tokens.verify(&token, now).map(drop);
        assert_eq!(at(NOW - LEEWAY), Ok(()));
        assert_eq!(at(NOW - LEEWAY * 2), Err(InvalidToken::NotYet));
        assert_eq!(at(NOW + LIFETIME), Ok(()));
        assert_eq!(at(NOW + LIFETIME + LEEWAY), Err(InvalidToken::Expired));
    }

    #[test]
    fn refuses_other_algorithms_even_when_their_signature_fits() {
        let fixture = fixture();
        let mut none = header();
        none["alg"] = json!("none");
        let unsigned = signed_by(&none, &claims(), |_| Vec::new());
        assert_eq!(fixture.tokens.verify(&unsigned, NOW), Err(InvalidToken::Malformed));

        // The public key as an HMAC secret: what HS/RS confusion comes to with Ed25519.
        let mut confused = header();
        confused["alg"] = json!("HS256");
        let key = fixture.tokens.keys.verifying("k1").unwrap().try_get_as_bytes().unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let forged =
            signed_by(&confused, &claims(), |message| hmac::sign(&key, message).as_ref().to_vec());
        assert_eq!(fixture.tokens.verify(&forged, NOW), Err(InvalidToken::Algorithm));
    }

    #[test]
    fn refuses_keys_that_are_not_ours() {
        let fixture = fixture();
        for (kid, refusal) in [
            (json!("k2"), InvalidToken::UnknownKey),
            (json!("../k1"), InvalidToken::UnknownKey),
            (Value::Null, InvalidToken::UnknownKey),
        ] {
            let mut header = header();
            header["kid"] = kid;
            assert_eq!(fixture.verify(&header, &claims()), Err(refusal));
        }
        for name in ["jku", "x5u"] {
            let mut header = header();
            header[name] = json!("https://evil.example/keys");
            assert_eq!(fixture.verify(&header, &claims()), Err(InvalidToken::Malformed));
        }
        let mut header = header();
        header["crit"] = json!(["exp"]);
        assert_eq!(fixture.verify(&header, &claims()), Err(InvalidToken::Malformed));

        let other = self::fixture();
        let foreign = other.tokens.issue(patient(), session(), NOW);
        assert_eq!(fixture.tokens.verify(&foreign, NOW), Err(InvalidToken::Signature));
    }

    #[test]
    fn refuses_other_types_of_token() {
        let fixture = fixture();
        for typ in ["JWT", "rt+jwt", "dpop+jwt"] {
            let mut header = header();
            header["typ"] = json!(typ);
            assert_eq!(fixture.verify(&header, &claims()), Err(InvalidToken::Type), "{typ}");
        }
        // A refresh token is opaque: no JWT at all.
        let refresh = URL_SAFE_NO_PAD.encode([7; 32]);
        assert_eq!(fixture.tokens.verify(&refresh, NOW), Err(InvalidToken::Malformed));
    }

    #[test]
    fn refuses_missing_and_foreign_claims() {
        let fixture = fixture();
        assert!(fixture.verify(&header(), &claims()).is_ok());
        for claim in ["iss", "aud", "sub", "sid", "role", "iat", "nbf", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            assert_eq!(fixture.verify(&header(), &claims), Err(InvalidToken::Claims), "{claim}");
        }
        for (claim, value) in [
            ("iss", json!("somebody")),
            ("aud", json!("another-api")),
            ("role", json!("root")),
            ("scope", json!("everything")),
            ("sub", json!("admin")),
            ("exp", json!("never")),
            ("exp", json!(i64::MAX)),
        ] {
            let mut claims = claims();
            claims[claim] = value;
            assert_eq!(fixture.verify(&header(), &claims), Err(InvalidToken::Claims), "{claim}");
        }
    }

    #[test]
    fn refuses_what_is_damaged() {
        let fixture = fixture();
        let token = fixture.tokens.issue(patient(), session(), NOW);
        let (head, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[0] ^= 1;
        let forged = format!("{head}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(fixture.tokens.verify(&forged, NOW), Err(InvalidToken::Signature));
        for text in ["", ".", "..", "a.b.c", &token[1..], &"x".repeat(5000)] {
            assert_eq!(fixture.tokens.verify(text, NOW), Err(InvalidToken::Malformed), "{text}");
        }
    }
}
