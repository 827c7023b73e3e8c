//! The keys that sign and verify access tokens: one file each, `<kid>.pem`, in one folder.
//!
//! All of them verify. One signs: the one that a file `current` names, or else the last by name
//! (so name them by date). To rotate, add a new file and restart; remove the old one once its
//! last token has expired. Removing a key refuses all of its tokens.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

/// How many characters a key's name may have.
const KID_MAX_CHARS: usize = 64;

/// The names the folder may hold beside keys.
const CURRENT: &str = "current";

/// Why the API can't start with those keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder or a file in it can't be read.
    #[error("cannot read {}: {reason}; correct api.keys_dir or the permissions", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// No key.
    #[error(
        "no signing key in {0}; make one: openssl genpkey -algorithm ed25519 -out {0}/$(date +%Y%m%d).pem",
        path.display()
    )]
    None {
        /// Which folder.
        path: PathBuf,
    },
    /// A file that is no Ed25519 key.
    #[error(
        "{} is not an Ed25519 private key in PKCS#8 PEM; replace it: openssl genpkey -algorithm ed25519 -out FILE",
        path.display()
    )]
    NotAKey {
        /// Which.
        path: PathBuf,
    },
    /// A file name that can't be a key id.
    #[error(
        "the name of {} can't be a key id; use 1 to {KID_MAX_CHARS} letters, digits, - or _ before .pem",
        path.display()
    )]
    BadName {
        /// Which.
        path: PathBuf,
    },
    /// `current` names no key.
    #[error("{} names a key that isn't there; correct or remove it", path.display())]
    BadCurrent {
        /// The file `current`.
        path: PathBuf,
    },
}

/// The keys of this process.
pub struct Keys {
    current: String,
    by_id: BTreeMap<String, Key>,
}

struct Key {
    signing: EncodingKey,
    verifying: DecodingKey,
    public: Vec<u8>,
}

/// The public keys, for whoever wants to verify our tokens (RFC 7517).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JsonWebKeySet {
    keys: Vec<JsonWebKey>,
}

/// A public key (RFC 8037).
#[derive(Clone, Debug, Serialize, ToSchema)]
struct JsonWebKey {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    x: String,
}

impl Keys {
    /// Reads all keys of a folder.
    pub fn load(folder: &Path) -> Result<Self, KeysError> {
        let unreadable = |reason| KeysError::Unreadable { path: folder.to_owned(), reason };
        let mut by_id = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                by_id.insert(key_id(&path)?, read_key(&path)?);
            }
        }
        let current = named_current(folder, &by_id)?;
        let current = current.or_else(|| by_id.keys().next_back().cloned());
        let current = current.ok_or_else(|| KeysError::None { path: folder.to_owned() })?;
        Ok(Self { current, by_id })
    }

    /// The key that signs, and its id.
    pub fn signing(&self) -> (&str, &EncodingKey) {
        (&self.current, &self.by_id[&self.current].signing)
    }

    /// The key that verifies what the key of that id signed.
    pub fn verifying(&self, kid: &str) -> Option<&DecodingKey> {
        self.by_id.get(kid).map(|key| &key.verifying)
    }

    /// The public keys.
    pub fn public(&self) -> JsonWebKeySet {
        let keys = self.by_id.iter().map(|(kid, key)| JsonWebKey {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: kid.clone(),
            x: URL_SAFE_NO_PAD.encode(&key.public),
        });
        JsonWebKeySet { keys: keys.collect() }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("current", &self.current).finish_non_exhaustive()
    }
}

/// A new signing key as PKCS#8 PEM: the content of a file `<kid>.pem`, mode 0600.
pub fn generate_signing_key() -> SecretString {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .expect("the operating system's random numbers don't fail once it is up");
    let base64 = STANDARD.encode(document.as_ref());
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in base64.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem.into()
}

fn key_id(path: &Path) -> Result<String, KeysError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=KID_MAX_CHARS).contains(&stem.len()) && stem.bytes().all(is_plain) {
        Ok(stem.to_owned())
    } else {
        Err(KeysError::BadName { path: path.to_owned() })
    }
}

fn read_key(path: &Path) -> Result<Key, KeysError> {
    let not_a_key = || KeysError::NotAKey { path: path.to_owned() };
    let pem =
        fs::read(path).map_err(|reason| KeysError::Unreadable { path: path.to_owned(), reason })?;
    let signing = EncodingKey::from_ed_pem(&pem).map_err(|_| not_a_key())?;
    // What `openssl genpkey` writes has no public key inside, hence "unchecked": there is
    // nothing to check the private one against.
    let pair =
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(signing.as_bytes()).map_err(|_| not_a_key())?;
    let public = pair.public_key().as_ref().to_vec();
    Ok(Key { signing, verifying: DecodingKey::from_ed_der(&public), public })
}

fn named_current(
    folder: &Path,
    by_id: &BTreeMap<String, Key>,
) -> Result<Option<String>, KeysError> {
    let path = folder.join(CURRENT);
    let name = match fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(KeysError::Unreadable { path, reason }),
    };
    if by_id.contains_key(&name) { Ok(Some(name)) } else { Err(KeysError::BadCurrent { path }) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use tempfile::TempDir;

    use super::*;

    /// What `openssl genpkey -algorithm ed25519` writes: a key without its public part.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn the_last_by_name_signs_unless_another_is_named() {
        let generated = generate_signing_key();
        let files = [("2027-01.pem", OPENSSL), ("2027-02.pem", generated.expose_secret())];
        let keys = folder(&files);
        assert_eq!(Keys::load(keys.path()).unwrap().signing().0, "2027-02");

        fs::write(keys.path().join("current"), "2027-01\n").unwrap();
        let keys = Keys::load(keys.path()).unwrap();
        assert_eq!(keys.signing().0, "2027-01");
        assert!(keys.verifying("2027-02").is_some());
        assert!(keys.verifying("../2027-02").is_none());
    }

    #[test]
    fn refuses_what_it_cannot_use_and_says_what_to_do() {
        let load = |files: &[(&str, &str)]| {
            let folder = folder(files);
            Keys::load(folder.path()).unwrap_err().to_string()
        };
        assert!(load(&[]).contains("openssl genpkey -algorithm ed25519"));
        assert!(load(&[("a.pem", "not a key")]).contains("not an Ed25519 private key"));
        assert!(load(&[("a b.pem", OPENSSL)]).contains("can't be a key id"));
        assert!(load(&[("a.pem", OPENSSL), ("current", "b")]).contains("isn't there"));
        let missing = Keys::load(Path::new("missing")).unwrap_err().to_string();
        assert!(missing.contains("api.keys_dir"), "{missing}");
    }

    #[test]
    fn publishes_public_parts_only() {
        let keys = folder(&[("k1.pem", OPENSSL)]);
        let json = serde_json::to_value(Keys::load(keys.path()).unwrap().public()).unwrap();
        let key = json["keys"][0].as_object().unwrap();
        assert_eq!(key.keys().collect::<Vec<_>>(), ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(key["x"], "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
    }
}
