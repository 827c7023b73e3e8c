//! Publishing who saw or did what: durable before the answer leaves.

use std::time::Duration;

use contracts::metadata::header;
use contracts::{AuditEntry, TraceContext};
use runtime::Shutdown;

use crate::Bus;
use crate::group_commit::{GroupCommit, Repeats};
use crate::message::{MESSAGE_ID, Outgoing, headers};
use crate::publish_error::PublishError;

/// Publishes audit entries with group commit. Clones share one queue.
#[derive(Clone, Debug)]
pub struct AuditPublisher {
    entries: GroupCommit,
}

impl AuditPublisher {
    /// Starts the task that publishes. It ends when every clone is gone.
    pub fn start(bus: &Bus, shutdown: &Shutdown) -> Self {
        Self { entries: GroupCommit::start(bus, shutdown, "audit publisher", Repeats::Singly) }
    }

    /// Returns once the entry is durable, or an error once `patience` has passed.
    pub async fn publish(
        &self,
        entry: &AuditEntry,
        trace: Option<&TraceContext>,
        patience: Duration,
    ) -> Result<(), PublishError> {
        self.entries.publish(entry.id.as_uuid(), outgoing(entry, trace), patience).await.map(drop)
    }
}

fn outgoing(entry: &AuditEntry, trace: Option<&TraceContext>) -> Outgoing {
    let pairs = [
        (MESSAGE_ID, entry.id.to_string()),
        (header::CORRELATION_ID, entry.correlation_id.to_string()),
        (header::SCHEMA, entry.kind.schema()),
    ];
    let trace = trace.map(|trace| (header::TRACEPARENT, trace.traceparent()));
    Outgoing {
        subject: entry.kind.subject(),
        headers: headers(pairs.into_iter().chain(trace)),
        body: entry.to_body().into(),
    }
}
