//! The way of a trace through a process: from a received header to a span, and from the
//! current span to the header of what is sent.
//!
//! With an exporter the span's own context is sent. Without one the received trace is carried
//! along in the span, so that it isn't cut here.

use std::str::FromStr as _;

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::registry::{LookupSpan as _, Registry};

use super::TraceContext;

/// Carried by a span when no exporter gives it a context.
struct Carried(TraceContext);

/// Makes `span` a child of what was received. Call it before the span is entered.
pub fn set_parent(span: &Span, parent: &TraceContext) {
    // It fails without an exporter, or for a span that is filtered: then it is only carried.
    let _ = span.set_parent(Context::new().with_remote_span_context(exported(parent)));
    span.with_subscriber(|(id, subscriber)| {
        let registry = subscriber.downcast_ref::<Registry>()?;
        registry.span(id)?.extensions_mut().replace(Carried(parent.child()));
        Some(())
    });
}

/// The trace context of the current span, to be sent along with whatever it causes.
pub fn current_trace_context() -> Option<TraceContext> {
    trace_context_of(&Span::current())
}

/// The trace context of `span`.
pub fn trace_context_of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let exported = context.span().span_context().clone();
    if exported.is_valid() { Some(imported(&exported)) } else { carried(span) }
}

/// The nearest context that `span` or one of its parents carries.
fn carried(span: &Span) -> Option<TraceContext> {
    span.with_subscriber(|(id, subscriber)| {
        let registry = subscriber.downcast_ref::<Registry>()?;
        registry
            .span(id)?
            .scope()
            .find_map(|span| span.extensions().get::<Carried>().map(|carried| carried.0.clone()))
    })
    .flatten()
}

fn exported(context: &TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id_bytes()),
        SpanId::from_bytes(context.span_id_bytes()),
        if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() },
        true,
        context.tracestate().and_then(|s| TraceState::from_str(s).ok()).unwrap_or_default(),
    )
}

fn imported(context: &SpanContext) -> TraceContext {
    TraceContext::from_parts(
        context.trace_id().to_bytes(),
        context.span_id().to_bytes(),
        context.is_sampled(),
        &context.trace_state().header(),
    )
}
