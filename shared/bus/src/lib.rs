//! NATS JetStream, and nothing of bookings: topology, publishing with group commit, the runner
//! that settles messages, replies, dead letters.
//!
//! Handlers return a verdict; only [`Runner`] acknowledges. What is accepted is durable before
//! anybody hears of it ([`Publisher`]).

mod atomic;
mod audit;
mod connection;
mod dead_letters;
mod events;
mod facts;
mod group_commit;
mod key_value;
mod lookup;
mod message;
mod metrics;
mod positions;
mod publish_error;
mod publisher;
mod questions;
mod reading;
mod replies;
mod room;
mod runner;
mod topology;

pub use audit::AuditPublisher;
pub use connection::{Bus, ConnectError, NotReady};
pub use dead_letters::{Replay, StoredLetter};
pub use events::OutgoingEvent;
pub use facts::{FactFollower, FactHandler, ReceivedFact};
pub use key_value::{KeyValueError, KvBucket};
pub use lookup::{LookupError, StoredRequest};
pub use positions::PositionedMessage;
pub use publish_error::PublishError;
pub use publisher::{Accepted, OutgoingCommand, Publisher};
pub use questions::{AskError, Question, Questions};
pub use reading::{ReadError, StoredMessage, StreamState};
pub use replies::{PendingReply, Replies};
pub use runner::{
    BatchHandler, ConsumerSpec, DeadReason, FailureCount, HandleError, Received, Requeue, Runner,
    RunnerError, Verdict,
};
pub use topology::TopologyError;
