//! The form of log lines.

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use crate::settings::{LogFormat, TelemetrySettings};

/// The layer that writes log lines.
pub(super) fn layer<S, W>(
    settings: &TelemetrySettings,
    is_terminal: bool,
    writer: W,
) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Spans stay when lines are filtered, so that an error still says whose request it was.
    let is_span = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO);
    let filter = EnvFilter::try_new(&settings.log_filter)?.or(is_span);
    let as_json = match settings.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !is_terminal,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(if as_json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_filter(filter)
            .boxed()
    } else {
        layer.with_ansi(is_terminal).with_filter(filter).boxed()
    })
}
