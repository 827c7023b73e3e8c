//! The last seal, kept outside of the database: in NATS, whose keepers are others than the
//! database's. A chain of hashes shows every change but one: that its end was cut off.

use bus::{Bus, KvBucket};
use contracts::AuditAnchor;
use futures::TryStreamExt as _;
use resilience::RetryDelays;
use std::time::Duration;
use store::audit::Head;
use store::audit::seal::to_hex;
use tokio::sync::watch;

/// The key of the last seal's anchor.
const LAST: &str = AuditAnchor::LAST;

/// Keys of anchors that the database contradicted when a worker began: kept for whoever verifies.
const CONFLICT: &str = "conflict.";

/// Pauses while NATS doesn't take it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What is kept outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Of the last seal; none before the first, or when somebody removed it.
    pub last: Option<AuditAnchor>,
    /// Ends that the log had and that it lost.
    pub conflicts: Vec<AuditAnchor>,
}

/// The anchors can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the anchor of the audit log: {0}")]
pub struct AnchorError(String);

fn failed(error: impl std::fmt::Display) -> AnchorError {
    AnchorError(error.to_string())
}

/// Reads all of them.
pub async fn read(bus: &Bus) -> Result<Anchors, AnchorError> {
    let bucket = bus.key_value(KvBucket::AuditAnchor).await.map_err(failed)?;
    let keys = bucket.keys().await.map_err(failed)?;
    let mut keys: Vec<String> = keys.try_collect().await.map_err(failed)?;
    keys.sort();
    let mut anchors = Anchors::default();
    for key in keys {
        let Some(value) = bucket.get(key.clone()).await.map_err(failed)? else { continue };
        let anchor: AuditAnchor = serde_json::from_slice(&value).map_err(failed)?;
        if key == LAST {
            anchors.last = Some(anchor);
        } else if key.starts_with(CONFLICT) {
            anchors.conflicts.push(anchor);
        }
    }
    Ok(anchors)
}

/// The anchor of the end of the log.
pub(crate) fn of(head: &Head) -> AuditAnchor {
    AuditAnchor {
        seal: head.number,
        hash: to_hex(&head.hash),
        last_row: head.last_row,
        audit: head.read.audit.sequence,
        events: head.read.events.sequence,
        audit_created_at: head.read.audit.created_at,
        events_created_at: head.read.events.created_at,
    }
}

/// Puts an anchor that the database contradicts aside, and the database's own in its place: the
/// work goes on, and the evidence stays.
pub(crate) async fn set_aside(
    bus: &Bus,
    contradicted: &AuditAnchor,
    head: &Head,
) -> Result<(), AnchorError> {
    let bucket = bus.key_value(KvBucket::AuditAnchor).await.map_err(failed)?;
    let hash: String = contradicted.hash.chars().take(16).collect();
    let key = format!("{CONFLICT}{}.{hash}", contradicted.seal);
    bucket.put(&key, json(contradicted)?.into()).await.map_err(failed)?;
    bucket.put(LAST, json(&of(head))?.into()).await.map_err(failed)?;
    Ok(())
}

/// Keeps the newest of the anchors that it is told, until nobody tells it any more.
pub(crate) async fn keep(bus: Bus, mut told: watch::Receiver<AuditAnchor>) {
    let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
    while told.changed().await.is_ok() {
        loop {
            let anchor = told.borrow_and_update().clone();
            match put(&bus, &anchor).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "the anchor of the audit log lags behind"),
            }
            let is_over = told.has_changed().is_err();
            if is_over {
                return;
            }
            tokio::time::sleep(pauses.next_delay()).await;
        }
        pauses.reset();
    }
}

/// Never puts an older one in the place of a newer one.
async fn put(bus: &Bus, anchor: &AuditAnchor) -> Result<(), AnchorError> {
    let bucket = bus.key_value(KvBucket::AuditAnchor).await.map_err(failed)?;
    let entry = bucket.entry(LAST).await.map_err(failed)?;
    let known = entry.as_ref().and_then(|entry| serde_json::from_slice(&entry.value).ok());
    if known.is_some_and(|known: AuditAnchor| known.seal >= anchor.seal) {
        return Ok(());
    }
    let revision = entry.map_or(0, |entry| entry.revision);
    bucket.update(LAST, json(anchor)?.into(), revision).await.map(drop).map_err(failed)
}

fn json(anchor: &AuditAnchor) -> Result<Vec<u8>, AnchorError> {
    serde_json::to_vec(anchor).map_err(failed)
}
