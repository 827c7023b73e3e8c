//! Accepting work: durable before anybody hears of it, and many at a time.
//!
//! Commands carry no `Nats-Msg-Id`: one duplicate would refuse the whole batch, and a reused id
//! with another body would be acknowledged without being stored. Idempotency is the inbox's.

use std::time::Duration;

use contracts::{BookingCommand, Metadata};
use runtime::Shutdown;

use crate::Bus;
use crate::group_commit::{GroupCommit, Repeats};
use crate::message::{Outgoing, headers};
use crate::publish_error::PublishError;

/// A command on its way into the stream.
#[derive(Clone, Debug)]
pub struct OutgoingCommand {
    /// What to do.
    pub command: BookingCommand,
    /// For whom, and everything that joins it to its request.
    pub metadata: Metadata,
}

/// The proof that a command is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its position in `MC_COMMANDS`.
    pub stream_sequence: u64,
}

/// Publishes commands with group commit. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Publisher {
    commands: GroupCommit,
}

impl Publisher {
    /// Starts the task that publishes. It ends when every clone is gone.
    pub fn start(bus: &Bus, shutdown: &Shutdown) -> Self {
        Self { commands: GroupCommit::start(bus, shutdown, "publisher", Repeats::Together) }
    }

    /// Returns once the command is durable, or an error once `patience` has passed.
    pub async fn publish(
        &self,
        command: OutgoingCommand,
        patience: Duration,
    ) -> Result<Accepted, PublishError> {
        let OutgoingCommand { command, metadata } = command;
        let message = Outgoing {
            subject: command.kind().subject(metadata.request_id),
            headers: headers(metadata.to_headers()),
            body: command.to_body().into(),
        };
        // Equal requests are coalesced while they wait.
        let key = metadata.request_id.as_uuid();
        let stream_sequence = self.commands.publish(key, message, patience).await?;
        Ok(Accepted { stream_sequence })
    }
}
