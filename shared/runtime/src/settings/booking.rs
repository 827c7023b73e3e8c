//! `booking.*`: the booking worker.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};

/// Settings of the booking worker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookingSettings {
    /// Where `GET /metrics` listens. Default: `127.0.0.1:9465`.
    pub metrics_listen: SocketAddr,
    /// Commands settled in one transaction, at most. Default: 250.
    pub batch_size: usize,
    /// Transactions at the same time, at most. Each takes a connection. Default: 2.
    pub batches_at_once: usize,
    /// Pause of the sweep while there is nothing to publish. Default: 1,000 ms.
    pub outbox_idle_ms: u64,
}

impl Default for BookingSettings {
    fn default() -> Self {
        Self {
            metrics_listen: (Ipv4Addr::LOCALHOST, 9465).into(),
            batch_size: 250,
            batches_at_once: 2,
            outbox_idle_ms: 1_000,
        }
    }
}

impl BookingSettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        within(1..=1_000, &[("booking.batch_size", self.batch_size as u64)])?;
        within(1..=16, &[("booking.batches_at_once", self.batches_at_once as u64)])?;
        within(10..=600_000, &[("booking.outbox_idle_ms", self.outbox_idle_ms)])
    }
}
