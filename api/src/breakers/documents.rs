//! How a breaker is shown.

use contracts::{BreakerControl, BreakerOrder, BreakerReport};
use domain::PayerId;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A payer's circuit breaker.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BreakerDocument {
    /// Which payer.
    #[schema(value_type = String, example = "00042")]
    pub payer: PayerId,
    /// Who decides: `automatic` (the breaker), `forced_open` or `forced_closed` (an operator).
    #[schema(value_type = String, example = "automatic")]
    pub control: BreakerControl,
    /// Who decided that, and why; absent when nobody ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionDocument>,
    /// How it stands in each worker that has asked this payer within its life.
    pub replicas: Vec<ReplicaDocument>,
}

/// An operator's decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DecisionDocument {
    /// `<user-id>/<role>`.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The breaker of one worker.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplicaDocument {
    /// Which worker process.
    pub instance: String,
    /// `closed`, `open`, `half_open`, `forced_open` or `forced_closed`.
    #[schema(example = "open")]
    pub state: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl BreakerDocument {
    /// One that nobody has decided about.
    pub fn automatic(payer: PayerId) -> Self {
        let control = BreakerControl::Automatic;
        Self { payer, control, decision: None, replicas: Vec::new() }
    }

    /// One that somebody has decided about.
    pub fn ordered(payer: PayerId, order: BreakerOrder) -> Self {
        let BreakerOrder { control, by, reason, at } = order;
        let decision = Some(DecisionDocument { by, reason, at });
        Self { payer, control, decision, replicas: Vec::new() }
    }
}

impl ReplicaDocument {
    /// What that worker says.
    pub fn new(instance: String, report: BreakerReport) -> Self {
        Self { instance, state: report.state, since: report.since }
    }
}
