//! Keeping the books, every now and then: checkpoints, room in the streams, and messages that a
//! damaged consumer has skipped.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, Requeue};
use contracts::subjects;
use domain::SharedClock;
use jiff::SignedDuration;
use ledger::{Findings, Keeper, Rules};
use runtime::{Settings, Shutdown};
use store::ledger::LedgerStore;

use crate::metrics;

/// Skipped messages that are handed over in one look; the next look brings the others.
const REQUEUED_AT_ONCE: usize = 1_000;

/// Keeps the books while the worker runs.
pub(crate) struct Bookkeeping {
    pub settings: Settings,
    pub bus: Bus,
    pub clock: SharedClock,
    /// The consumer of all commands, and the way to its runner.
    pub consumer: &'static str,
    pub requeue: Requeue,
    /// What the last look found unsettled. What is found again has been skipped; what isn't was
    /// only late, as everything is after an outage.
    pub suspects: HashSet<u64>,
}

impl Bookkeeping {
    /// Runs until the soft stop, and may be interrupted anywhere: each step is whole by itself.
    pub async fn run(mut self, shutdown: Shutdown) {
        let period = Duration::from_millis(self.settings.booking.ledger_period_ms);
        let looking = async {
            loop {
                tokio::time::sleep(period).await;
                if let Err(error) = Box::pin(self.look()).await {
                    tracing::warn!(error = format!("{error:#}"), "the books can't be kept now");
                }
            }
        };
        tokio::select! {
            () = looking => {}
            () = shutdown.soft_stopped() => {}
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        // Every worker watches, and without the database too: an outage is when streams fill.
        self.bus.watch_fill().await?;
        self.bus.make_room().await?;

        let url = self.settings.database.require_booking_url()?;
        // Connected for this look only: in between, the connections are others'.
        let store = LedgerStore::connect(url, &self.settings.database)?;
        let looked = self.look_if_alone(&store).await;
        store.close().await;
        looked
    }

    async fn look_if_alone(&mut self, store: &LedgerStore) -> anyhow::Result<()> {
        let Some(_lock) = store.lock().await? else { return Ok(()) };
        let settings = &self.settings.booking;
        let rules = Rules {
            checkpoint_messages: settings.checkpoint_messages,
            margin_messages: settings.purge_margin_messages,
        };
        let age = SignedDuration::from_millis(settings.requeue_after_ms.cast_signed());
        let now = self.clock.now();
        // Without the consumer nothing was delivered; the runner makes it anew, from the start.
        let delivered = self.bus.delivered(subjects::COMMANDS, self.consumer).await?.unwrap_or(0);
        let keeper = Keeper { bus: &self.bus, store, rules };
        let findings = keeper.look(delivered, now, now - age).await.context("reading the books")?;
        report(&findings);
        self.requeue_skipped(findings.unsettled).await
    }

    async fn requeue_skipped(&mut self, unsettled: Vec<u64>) -> anyhow::Result<()> {
        let is_suspect = |sequence: &&u64| self.suspects.contains(sequence);
        for sequence in unsettled.iter().filter(is_suspect).take(REQUEUED_AT_ONCE) {
            self.requeue.hand_over(*sequence).await?;
        }
        self.suspects = unsettled.into_iter().collect();
        Ok(())
    }
}

fn report(findings: &Findings) {
    metrics::CHECKPOINTED.set(findings.checkpointed.cast_signed());
    metrics::CHECKPOINTS.inc_by(findings.new_checkpoints);
    if findings.new_checkpoints > 0 {
        tracing::info!(
            checkpoints = findings.new_checkpoints,
            nats.sequence = findings.checkpointed,
            "ledger checkpoint made"
        );
    }
    metrics::TROUBLED.set(findings.trouble.is_some().into());
    if let Some(trouble) = &findings.trouble {
        tracing::error!(
            trouble,
            "the books don't balance, nothing is purged: run `mediconnect ledger`"
        );
    }
}
