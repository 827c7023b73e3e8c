//! Between our envelope and NATS's headers.

use async_nats::HeaderMap;
use bytes::Bytes;
use contracts::Metadata;
use contracts::metadata::InvalidHeader;

/// The server drops a second message with the same id within the duplicate window.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A message ready to be sent. Cheap to clone, for it may be sent more than once.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub subject: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Headers from names and values that we made ourselves.
///
/// `HeaderMap::insert` panics on a line break in a value. None of ours can hold one: they are
/// ids, enum words and times; and where one still would, it is left out rather than sent.
pub(crate) fn headers(pairs: impl IntoIterator<Item = (&'static str, String)>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        if let Ok(value) = value.parse::<async_nats::HeaderValue>() {
            map.insert(name, value);
        } else {
            tracing::error!(header = name, "header left out: it holds a line break");
        }
    }
    map
}

/// The envelope of a message that arrived.
pub(crate) fn metadata(headers: Option<&HeaderMap>) -> Result<Metadata, InvalidHeader> {
    Metadata::from_headers(|name| headers?.get(name).map(async_nats::HeaderValue::as_str))
}
