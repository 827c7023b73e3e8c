//! The worker as a process.

use std::sync::Arc;

use anyhow::Context as _;
use bus::Bus;
use contracts::AuditAnchor;
use domain::SystemClock;
use runtime::{Settings, Shutdown};
use tokio::sync::watch;

use crate::anchor;
use crate::sealing::Sealing;

/// Runs the worker until the soft stop. Then the batch in hand is sealed; the rest stays in the
/// streams.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    settings.database.require_audit_url()?;
    runtime::metrics::serve(settings.audit.metrics_listen, &shutdown).await?;
    let bus = tokio::select! {
        bus = connect(&settings) => bus?,
        () = shutdown.soft_stopped() => return Ok(()),
    };
    let (anchors, told) = watch::channel(AuditAnchor::default());
    shutdown.spawn("anchor", anchor::keep(bus.clone(), told));
    let sealing = Sealing {
        settings,
        bus,
        clock: Arc::new(SystemClock),
        anchors,
        shutdown: shutdown.clone(),
    };
    shutdown.spawn("sealing", sealing.run());
    runtime::metrics::say_ready();
    tracing::info!("the audit worker is ready");
    Ok(shutdown.wait().await?)
}

async fn connect(settings: &Settings) -> anyhow::Result<Bus> {
    let bus = Bus::connect(&settings.nats, "audit").await?;
    bus.ensure_topology().await.context("preparing the streams")?;
    Ok(bus)
}
