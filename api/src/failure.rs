//! Failures of what the API stands on, as problems. They are logged here, once.

use bus::{LookupError, PublishError};
use store::StoreError;

use crate::auth::passwords::Busy;
use crate::problem::{Problem, ProblemType};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_outage() {
            tracing::warn!(%error, "answering without the database");
            return Self::new(ProblemType::Unavailable).with_detail("the database is away");
        }
        tracing::error!(%error, "a query failed");
        ProblemType::Internal.into()
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        tracing::warn!(%error, "answering without NATS");
        Self::new(ProblemType::Unavailable).with_detail("the message broker is away")
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        tracing::warn!(%error, "a command was not accepted");
        let detail = match error {
            PublishError::Unknown => {
                "it isn't known whether the request was accepted: repeat it with the same \
                 Idempotency-Key"
            }
            PublishError::TooLarge => return ProblemType::BodyTooLarge.into(),
            PublishError::Unavailable | PublishError::Full => "the request was not accepted",
        };
        Self::new(ProblemType::Unavailable).with_detail(detail)
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::new(ProblemType::Unavailable)
            .with_detail("too many people are signing in at this moment")
    }
}
