//! `audit.*`: the audit worker.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};

/// Settings of the audit worker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// Where `GET /metrics` listens. Default: `127.0.0.1:9466`.
    pub metrics_listen: SocketAddr,
    /// Messages of each stream that are sealed together, at most. Default: 1,000.
    pub batch_size: usize,
    /// Pause before the next look after one that didn't fill a batch. Default: 100 ms.
    pub pause_ms: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            metrics_listen: (Ipv4Addr::LOCALHOST, 9466).into(),
            batch_size: 1_000,
            pause_ms: 100,
        }
    }
}

impl AuditSettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        within(1..=10_000, &[("audit.batch_size", self.batch_size as u64)])?;
        within(1..=60_000, &[("audit.pause_ms", self.pause_ms)])
    }
}
