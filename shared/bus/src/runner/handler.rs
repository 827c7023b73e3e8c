//! What a handler sees, and what it says. It knows nothing of JetStream.

use std::future::Future;
use std::time::Duration;

use contracts::{Metadata, Outcome};
use jiff::Timestamp;

/// A message whose envelope and body could be read.
#[derive(Clone, Debug)]
pub struct Received<M> {
    /// Its envelope.
    pub metadata: Metadata,
    /// Its body.
    pub message: M,
    /// Its position in the stream: older messages have smaller ones.
    pub stream_sequence: u64,
    /// How often it was delivered, this time included.
    pub deliveries: i64,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is settled and committed: tell whoever waits, and acknowledge.
    Done(Outcome),
    /// Not now: deliver it again after a while.
    Retry {
        /// How long.
        after: Duration,
        /// Why, an enum word.
        class: &'static str,
    },
    /// Never: keep it for a person to look at.
    Dead(DeadReason),
}

/// Why a message became a dead letter. Holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadReason {
    /// The class of the error, an enum word.
    pub class: &'static str,
    /// What happened, without values from the message.
    pub detail: String,
}

/// Why a batch was not handled. Nothing of it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// A dependency is away. The batch is held until [`BatchHandler::probe`] succeeds; nothing
    /// is charged to the messages. When the probe keeps succeeding and the batch doesn't, it is
    /// halved, but what is left of it never becomes a dead letter.
    Outage(String),
    /// Something in the batch can't be handled. It is halved until the culprit is alone.
    Failed {
        /// The class of the error, an enum word.
        class: &'static str,
        /// What happened, without values from the messages.
        detail: String,
    },
}

/// How often one message has failed by itself, as the handler's store remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureCount {
    /// Failures of this class, this one included.
    pub failures: i32,
    /// When the first of them happened.
    pub first_failure_at: Timestamp,
}

/// Settles batches of messages of one consumer.
pub trait BatchHandler: Send + Sync + 'static {
    /// A readable message.
    type Message: Send + Sync;

    /// Reads a message; what can't be read becomes a dead letter at once.
    fn decode(&self, metadata: &Metadata, body: &[u8]) -> Result<Self::Message, DeadReason>;

    /// Settles a batch: one verdict per message, in order.
    fn handle(
        &self,
        batch: &[Received<Self::Message>],
    ) -> impl Future<Output = Result<Vec<Verdict>, HandleError>> + Send;

    /// Whether the dependencies are back.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// Remembers that this message failed by itself.
    fn record_failure(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> impl Future<Output = Result<FailureCount, HandleError>> + Send;

    /// Forgets failures of this class, as if they had never been.
    fn forget_failures(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}
