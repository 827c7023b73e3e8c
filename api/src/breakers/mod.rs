//! The payers' circuit breakers, as operators see and force them.
//!
//! Breakers live in the eligibility workers. What is decided here goes into a key-value bucket that
//! they all watch, and how they stand comes back through another.

mod documents;

use std::collections::BTreeMap;

use bus::KvBucket;
use contracts::audit::StatedReason;
use contracts::{BreakerControl, BreakerOrder, BreakerReport, ReportKey};
use domain::PayerId;
use futures::TryStreamExt as _;

pub use documents::{BreakerDocument, ReplicaDocument};

use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

impl App {
    /// All breakers that anybody knows of, by payer.
    pub async fn breakers(&self) -> Result<Vec<BreakerDocument>, Problem> {
        let mut found: BTreeMap<PayerId, BreakerDocument> = BTreeMap::new();
        for (key, value) in self.entries(KvBucket::BreakerControls).await? {
            let order = serde_json::from_slice::<BreakerOrder>(&value);
            if let (Ok(payer), Ok(order)) = (key.parse::<PayerId>(), order) {
                found.insert(payer.clone(), BreakerDocument::ordered(payer, order));
            }
        }
        for (key, value) in self.entries(KvBucket::BreakerStates).await? {
            let report = serde_json::from_slice::<BreakerReport>(&value);
            if let (Ok(ReportKey { payer, instance }), Ok(report)) = (key.parse(), report) {
                let breaker = found.entry(payer.clone());
                let breaker = breaker.or_insert_with(|| BreakerDocument::automatic(payer));
                breaker.replicas.push(ReplicaDocument::new(instance, report));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Has every worker follow `control` from now on. The one place where a breaker is forced, and
    /// recorded before it takes effect.
    pub async fn control_breaker(
        &self,
        caller: &Caller,
        recorder: &Recorder,
        payer: &PayerId,
        control: BreakerControl,
        reason: &StatedReason,
    ) -> Result<(), Problem> {
        let order = BreakerOrder::new(control, caller.actor, reason.as_str(), self.clock.now());
        let value = serde_json::to_vec(&order).map_err(|_| ProblemType::Internal)?;
        let bucket = self.bus.key_value(KvBucket::BreakerControls).await.map_err(away)?;
        let telling =
            async { bucket.put(payer.as_str(), value.into()).await.map(|_| ()).map_err(away) };
        recorder.around(Note::breaker(payer, control, reason), telling).await?;
        tracing::warn!(%payer, %control, "a circuit breaker was told what to do");
        Ok(())
    }

    async fn entries(&self, bucket: KvBucket) -> Result<Vec<(String, bytes::Bytes)>, Problem> {
        let bucket = self.bus.key_value(bucket).await.map_err(away)?;
        let keys: Vec<String> =
            bucket.keys().await.map_err(away)?.try_collect().await.map_err(away)?;
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            // One that disappears meanwhile isn't there.
            if let Some(value) = bucket.get(&key).await.map_err(away)? {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

fn away(error: impl std::fmt::Display) -> Problem {
    tracing::warn!(%error, "breakers can't be looked up");
    Problem::new(ProblemType::Unavailable).with_detail("the message broker is away")
}
