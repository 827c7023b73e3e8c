//! The end of telemetry: nothing buffered is lost.

use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;

use super::writer::Flusher;

/// What the last export of traces may take.
const EXPORT_PATIENCE: Duration = Duration::from_secs(3);

/// Telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter can't be parsed.
    #[error("the log filter is not valid: {0}; correct telemetry.log_filter")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter of traces can't be built.
    #[error("cannot export traces: {0}; correct or unset OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The thread that writes logs can't start.
    #[error("cannot start the thread that writes logs: {0}")]
    Writer(#[from] std::io::Error),
    /// Another subscriber is installed.
    #[error("telemetry was started twice in one process: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Writes what is buffered, and exports the last spans, when it is dropped.
#[must_use = "dropping the guard ends telemetry"]
#[derive(Debug)]
pub struct TelemetryGuard {
    flusher: Flusher,
    tracer_provider: Option<SdkTracerProvider>,
}

impl TelemetryGuard {
    pub(super) fn new(flusher: Flusher, tracer_provider: Option<SdkTracerProvider>) -> Self {
        Self { flusher, tracer_provider }
    }
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(provider) = self.tracer_provider.take() {
            shut_down(provider);
        }
        self.flusher.finish();
    }
}

/// The exporter blocks, which a thread of an async runtime must not: so on one of its own.
fn shut_down(provider: SdkTracerProvider) {
    let thread = std::thread::spawn(move || provider.shutdown_with_timeout(EXPORT_PATIENCE));
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
        Err(_) => tracing::warn!("the exporter of traces panicked at its end"),
    }
}
