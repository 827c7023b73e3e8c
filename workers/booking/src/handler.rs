//! The worker as the bus's runner sees it.

use bus::{BatchHandler, DeadReason, FailureCount, HandleError, Received, Verdict};
use contracts::{BookingCommand, Metadata};
use store::booking::Failure;
use store::booking::attempts::{ForgetFailures, RecordFailure};

use crate::{Precedence, Request, Settler};

/// Settles the messages of one lane.
#[derive(Clone)]
pub struct Handler {
    settler: Settler,
    precedence: Precedence,
}

impl Handler {
    /// A handler that settles by `settler`, in its turn.
    pub fn new(settler: Settler, precedence: Precedence) -> Self {
        Self { settler, precedence }
    }
}

impl BatchHandler for Handler {
    type Message = BookingCommand;

    fn decode(&self, metadata: &Metadata, body: &[u8]) -> Result<BookingCommand, DeadReason> {
        BookingCommand::from_message(metadata, body)
            .map_err(|error| DeadReason { class: "undecodable", detail: error.to_string() })
    }

    async fn handle(
        &self,
        batch: &[Received<BookingCommand>],
    ) -> Result<Vec<Verdict>, HandleError> {
        let requests: Vec<Request<'_>> = batch
            .iter()
            .map(|received| Request {
                metadata: &received.metadata,
                command: &received.message,
                stream_sequence: received.stream_sequence,
            })
            .collect();
        let settling = async { self.settler.settle(&requests).await.map_err(handle_error) };
        let outcomes = self.precedence.in_turn(settling).await?;
        Ok(outcomes.into_iter().map(Verdict::Done).collect())
    }

    async fn probe(&self) -> Result<(), String> {
        self.settler.pool().ping().await.map_err(|failure| failure.to_string())?;
        self.precedence.outage_is_over();
        Ok(())
    }

    async fn record_failure(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<FailureCount, HandleError> {
        let at = self.settler.clock().now();
        let work = RecordFailure { stream_sequence, class, at };
        let failures = self.settler.pool().transact(&work).await.map_err(handle_error)?;
        Ok(FailureCount { failures: failures.count, first_failure_at: failures.first_at })
    }

    async fn forget_failures(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<(), HandleError> {
        let work = ForgetFailures { stream_sequence, class };
        self.settler.pool().transact(&work).await.map_err(handle_error)
    }
}

fn handle_error(failure: Failure) -> HandleError {
    match failure {
        Failure::Refused { class, detail } => HandleError::Failed { class, detail },
        // Nothing that a message is to blame for.
        Failure::Outage(_) | Failure::Contended(_) | Failure::Abandoned(_) => {
            HandleError::Outage(failure.to_string())
        }
    }
}
