//! Logs and traces. What a line looks like, and what never enters one: `docs/LOGGING.md`.

mod crypto;
mod export;
mod format;
mod guard;
mod panics;
pub mod propagation;
#[cfg(test)]
mod tests;
mod writer;

use std::io::IsTerminal as _;

pub use contracts::trace::{MalformedTraceparent, TraceContext};
pub use crypto::install_crypto;
pub use guard::{TelemetryError, TelemetryGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::TelemetrySettings;
use writer::BufferedWriter;

/// Starts logs on standard error and, when an OTLP endpoint is set, the export of traces. Once
/// per process; hold the guard until the end of `main`, since dropping it writes what is
/// still buffered.
pub fn init(
    service_name: &'static str,
    settings: &TelemetrySettings,
) -> Result<TelemetryGuard, TelemetryError> {
    let (writer, flusher) = BufferedWriter::start(Box::new(std::io::stderr()))?;
    let tracer_provider = export::provider(service_name, settings)?;
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::registry()
        .with(format::layer(settings, is_terminal, writer)?)
        .with(tracer_provider.as_ref().map(|provider| export::layer(service_name, provider)))
        .try_init()?;
    panics::log_panics();
    Ok(TelemetryGuard::new(flusher, tracer_provider))
}
