//! Secrets are read, never written: the defaults tree holds their keys without values.

use secrecy::SecretString;
use serde::Serializer;

/// Serialises any secret as "not set", so that the known keys can be listed.
pub(super) fn hide<S: Serializer>(
    _: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_none()
}
