//! Why something was not published.

use async_nats::jetstream::ErrorCode;

/// Why a publish was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing was stored: no connection, no stream, no leader.
    #[error("JetStream is not available")]
    Unavailable,
    /// Nothing was stored: the stream has reached its limit.
    #[error("the stream is full")]
    Full,
    /// It may have been stored: sending the same again is right, telling the caller "accepted"
    /// is not.
    #[error("it is not known whether the message was stored")]
    Unknown,
    /// Nothing was stored and never will be: the message is too large.
    #[error("the message is larger than the server takes")]
    TooLarge,
}

/// "maximum messages exceeded", "maximum bytes exceeded", per subject or stream.
const STREAM_STORE_FAILED: ErrorCode = ErrorCode(10077);
/// "insufficient resources" / "insufficient storage resources available".
const INSUFFICIENT_RESOURCES: [ErrorCode; 2] = [ErrorCode(10023), ErrorCode(10047)];
/// "message size exceeds maximum allowed".
const TOO_LARGE: ErrorCode = ErrorCode(10054);

impl PublishError {
    /// Reads what JetStream answered instead of an acknowledgement.
    pub(crate) fn from_answer(error: &async_nats::jetstream::Error) -> Self {
        let code = error.error_code();
        if code == STREAM_STORE_FAILED || INSUFFICIENT_RESOURCES.contains(&code) {
            Self::Full
        } else if code == TOO_LARGE {
            Self::TooLarge
        } else {
            // It answered, so it didn't store; another try may find it in better shape.
            Self::Unavailable
        }
    }

    /// Whether sending the same again may help.
    pub(crate) fn is_worth_another_try(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unknown)
    }
}
