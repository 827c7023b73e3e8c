//! Traces, exported by OTLP over HTTP when an endpoint is set.

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::{TelemetryError, install_crypto};
use crate::settings::TelemetrySettings;

/// Crates that the exporter itself uses: their spans would be exported by more of their spans.
const EXPORTERS_OWN: [&str; 5] = ["h2", "hyper", "opentelemetry", "reqwest", "rustls"];

/// The provider of traces; none without an endpoint.
pub(super) fn provider(
    service_name: &'static str,
    settings: &TelemetrySettings,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = &settings.otlp_endpoint else {
        return Ok(None);
    };
    install_crypto();
    let exporter =
        SpanExporter::builder().with_http().with_endpoint(traces_url(endpoint)).build()?;
    let resource = Resource::builder()
        .with_service_name(service_name)
        .with_attribute(KeyValue::new("service.namespace", "mediconnect"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", settings.instance_id.clone()))
        .build();
    Ok(Some(
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build(),
    ))
}

/// The layer that turns `tracing`'s spans into exported ones.
pub(super) fn layer<S>(
    service_name: &'static str,
    provider: &SdkTracerProvider,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + Send + Sync + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service_name))
        .with_filter(LevelFilter::INFO.and(filter_fn(is_ours)))
        .boxed()
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next().unwrap_or_default();
    !EXPORTERS_OWN.iter().any(|own| krate.starts_with(own))
}

/// The endpoint is the base URL, as OTLP's specification has it for that variable.
fn traces_url(endpoint: &str) -> String {
    format!("{}/v1/traces", endpoint.trim_end_matches('/'))
}
