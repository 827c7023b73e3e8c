//! From a validated form to an accepted request, without the database: derive the request's
//! id, publish, and wait for the outcome if the caller wants to.

use std::sync::LazyLock;
use std::time::Duration;

use bus::{OutgoingCommand, PendingReply};
use contracts::{BookingCommand, BookingKind, IdempotencyId, Metadata, Outcome, Route};
use domain::RequestId;
use runtime::metrics::{self, IntCounterVec};
use runtime::telemetry::propagation;
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::App;
use crate::extract::{Caller, IdempotencyKey, Prefer};
use crate::problem::Problem;

/// What the look into the inbox at the end of a wait may take.
const LAST_LOOK: Duration = Duration::from_millis(500);

static ACCEPTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("commands_accepted_total", "Commands accepted durably.", &["kind"])
});

/// A command, and how its caller wants it treated.
#[derive(Debug)]
pub struct Order {
    /// In whose name.
    pub caller: Caller,
    /// Keys are told apart by it.
    pub route: Route,
    /// What to do.
    pub command: BookingCommand,
    /// The caller's key, if any.
    pub key: IdempotencyKey,
    /// How long to wait.
    pub prefer: Prefer,
}

/// An accepted request.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its id.
    pub request_id: RequestId,
    /// What was asked.
    pub kind: BookingKind,
    /// How long its caller was granted to wait, if they wanted to.
    pub wait_s: Option<u32>,
    /// How it ended, if it did within the wait.
    pub outcome: Option<Outcome>,
}

impl App {
    /// Accepts a command. When this returns without a problem, the command is durable.
    pub async fn submit(&self, order: Order) -> Result<Submitted, Problem> {
        let wait = order.prefer.wait(self.settings.max_wait_s);
        let deadline = Instant::now() + wait;
        let (request_id, idempotency_id) = request_id(&order);
        // Registered before the command is out: the answer may be quick.
        let pending = (!wait.is_zero()).then(|| self.replies.expect(request_id));
        let kind = order.command.kind();
        let metadata = Metadata {
            correlation_id: order.caller.correlation_id,
            request_id,
            causation_id: None,
            reply_to: pending.as_ref().map(|pending| pending.subject().to_owned()),
            actor: order.caller.actor,
            schema: order.command.schema(),
            accepted_at: self.clock.now(),
            idempotency_id,
            trace: propagation::current_trace_context(),
        };
        let command = OutgoingCommand { command: order.command, metadata };
        self.publisher.publish(command, self.publish_deadline).await?;
        ACCEPTED.with_label_values(&[kind.as_str()]).inc();
        tracing::info!(request.id = %request_id, command.kind = kind.as_str(), "accepted");
        let outcome = match pending {
            Some(pending) => self.outcome(pending, deadline, request_id, &order.caller).await,
            None => None,
        };
        let wait_s = order.prefer.wait_s.map(|wait_s| wait_s.min(self.settings.max_wait_s));
        Ok(Submitted { request_id, kind, wait_s, outcome })
    }

    /// The reply, or else what the inbox says when the wait is over: a reply can get lost.
    async fn outcome(
        &self,
        pending: PendingReply,
        deadline: Instant,
        request_id: RequestId,
        caller: &Caller,
    ) -> Option<Outcome> {
        if let Ok(outcome) = timeout_at(deadline, pending.outcome()).await {
            return Some(outcome);
        }
        let look = async {
            let settled = self.read_as(caller).await?.settled_request(request_id).await?;
            Ok::<_, store::StoreError>(settled.map(|settled| settled.outcome))
        };
        match timeout(LAST_LOOK, look).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot look for the outcome");
                None
            }
            Err(_) => None,
        }
    }
}

/// The same key and body give the same request; without a key every request is its own.
fn request_id(order: &Order) -> (RequestId, Option<IdempotencyId>) {
    let Some(key) = order.key.as_deref() else { return (RequestId::generate(), None) };
    let id = IdempotencyId::derive(order.caller.actor.id, order.route, key);
    let asked = match &order.command {
        // The rest of its body is what was found out about the target, which may change.
        BookingCommand::Withdraw(withdrawal) => withdrawal.request_id.as_uuid().into(),
        command => command.to_body(),
    };
    (id.request_id(&asked), Some(id))
}
