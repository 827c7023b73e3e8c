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
    /// Pause between two looks at the books, by one worker at a time: checkpoints, purging, and
    /// what a damaged consumer has skipped. Default: 60,000 ms.
    pub ledger_period_ms: u64,
    /// A message that its consumer has delivered, and that has no end at this age, counts as
    /// skipped when two looks in a row find it so. Default: 120,000 ms.
    pub requeue_after_ms: u64,
    /// Messages that one checkpoint of the ledger covers. Default: 10,000.
    pub checkpoint_messages: u64,
    /// Messages below the last checkpoint that stay in the stream. Default: 10,000.
    pub purge_margin_messages: u64,
    /// How long a hold lasts. Default: 300 s.
    pub hold_s: u32,
    /// Times that one patient may hold at once. Default: 3.
    pub holds_per_patient: u32,
    /// How long before it begins a patient can call a visit off or move it at the latest.
    /// Default: 1,440 minutes, a day.
    pub cut_off_minutes: u32,
}

impl Default for BookingSettings {
    fn default() -> Self {
        Self {
            metrics_listen: (Ipv4Addr::LOCALHOST, 9465).into(),
            batch_size: 250,
            batches_at_once: 2,
            outbox_idle_ms: 1_000,
            ledger_period_ms: 60_000,
            requeue_after_ms: 120_000,
            checkpoint_messages: 10_000,
            purge_margin_messages: 10_000,
            hold_s: 300,
            holds_per_patient: 3,
            cut_off_minutes: 1_440,
        }
    }
}

impl BookingSettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        within(1..=1_000, &[("booking.batch_size", self.batch_size as u64)])?;
        within(1..=16, &[("booking.batches_at_once", self.batches_at_once as u64)])?;
        within(10..=600_000, &[("booking.outbox_idle_ms", self.outbox_idle_ms)])?;
        within(
            10..=86_400_000,
            &[
                ("booking.ledger_period_ms", self.ledger_period_ms),
                ("booking.requeue_after_ms", self.requeue_after_ms),
            ],
        )?;
        within(1..=1_000_000, &[("booking.checkpoint_messages", self.checkpoint_messages)])?;
        within(0..=1 << 40, &[("booking.purge_margin_messages", self.purge_margin_messages)])?;
        within(1..=86_400, &[("booking.hold_s", self.hold_s.into())])?;
        within(1..=100, &[("booking.holds_per_patient", self.holds_per_patient.into())])?;
        within(0..=525_600, &[("booking.cut_off_minutes", self.cut_off_minutes.into())])
    }
}
