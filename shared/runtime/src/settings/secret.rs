//! Secrets are read, never written: the defaults tree holds their keys without values.

use serde::Serializer;

/// Serialises any secret as "not set", so that the known keys can be listed.
pub(super) fn hide<T, S: Serializer>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_none()
}
