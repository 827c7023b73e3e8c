//! One log line and one count per request that ended.

use contracts::{Rejection, TraceContext};
use runtime::telemetry::propagation::set_parent;

use crate::settle::Settlement;
use crate::{Request, metrics};

/// Tells of a request that is settled and committed.
pub(crate) fn report(request: &Request<'_>, settlement: &Settlement) {
    let kind = request.command.kind().as_str();
    if !settlement.is_new {
        metrics::ALREADY_SETTLED.with_label_values(&[kind]).inc();
        return;
    }
    let outcome = settlement.outcome.as_str();
    let reason = settlement.outcome.reason().map(Rejection::as_str);
    metrics::SETTLED.with_label_values(&[kind, outcome, reason.unwrap_or_default()]).inc();

    let metadata = request.metadata;
    let span = tracing::info_span!(
        "settle",
        correlation_id = %metadata.correlation_id,
        request_id = %metadata.request_id,
        trace_id = metadata.trace.as_ref().map(TraceContext::trace_id),
        kind,
    );
    if let Some(parent) = &metadata.trace {
        set_parent(&span, parent);
    }
    span.in_scope(|| tracing::info!(outcome, reason, "request settled"));
}
