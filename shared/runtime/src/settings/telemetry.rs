//! `telemetry.*`: logs and traces.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::violation::Violation;

/// Longest instance id; it becomes a token of NATS subjects.
const INSTANCE_ID_MAX_CHARS: usize = 64;

/// Settings of logs and traces.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Form of log lines: `auto`, `json` or `text`. Default: `auto`.
    pub log_format: LogFormat,
    /// Which lines are logged, in the syntax of `tracing`'s `EnvFilter`, for example
    /// `info,bus=debug`. Default: `info`.
    pub log_filter: String,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: base URL of an OTLP collector that speaks HTTP, without
    /// `/v1/traces`. Default: none, and no traces are exported.
    pub otlp_endpoint: Option<String>,
    /// Name of this process among its siblings, in traces and reply subjects. Default: random.
    pub instance_id: String,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Auto,
            log_filter: "info".into(),
            otlp_endpoint: None,
            instance_id: Uuid::new_v4().simple().to_string(),
        }
    }
}

impl TelemetrySettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        if tracing_subscriber::EnvFilter::try_new(&self.log_filter).is_err() {
            return Err(Violation::value(
                "telemetry.log_filter",
                "must be a filter such as \"info\" or \"info,bus=debug\"",
            ));
        }
        let has_scheme = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if !self.otlp_endpoint.as_ref().is_none_or(has_scheme) {
            return Err(Violation::value(
                "telemetry.otlp_endpoint",
                "must start with http:// or https://",
            ));
        }
        let is_token = !self.instance_id.is_empty()
            && self.instance_id.len() <= INSTANCE_ID_MAX_CHARS
            && self
                .instance_id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_token {
            return Err(Violation::value(
                "telemetry.instance_id",
                format!("must be 1 to {INSTANCE_ID_MAX_CHARS} letters, digits, - or _"),
            ));
        }
        Ok(())
    }
}
