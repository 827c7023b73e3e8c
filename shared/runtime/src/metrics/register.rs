//! The registry, and naming rules at the moment of registration.

use std::sync::LazyLock;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Buckets for latencies: from a lone database read to the longest wait a client may ask for.
pub const LATENCIES_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Buckets for batch sizes.
pub const BATCH_SIZES: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 125.0, 250.0, 500.0, 1000.0];

const PREFIX: &str = "mediconnect_";

/// What a histogram's name may end in: its unit, or what is counted.
const HISTOGRAM_SUFFIXES: [&str; 4] = ["_seconds", "_bytes", "_messages", "_rows"];

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let registry = Registry::new();
    registry
        .register(Box::new(ProcessCollector::for_self()))
        .expect("the registry is new, so nothing else has these names");
    registry
});

/// The registry of this process.
pub fn registry() -> &'static Registry {
    &REGISTRY
}

/// All metrics in Prometheus's text format.
pub fn render() -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&registry().gather())
}

/// Registers a counter; its name ends in `_total`.
pub fn counter(name: &str, help: &str) -> IntCounter {
    register(IntCounter::with_opts(counter_opts(name, help)))
}

/// Registers a counter with labels; its name ends in `_total`.
pub fn counter_vec(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(IntCounterVec::new(counter_opts(name, help), labels))
}

/// Registers a gauge.
pub fn gauge(name: &str, help: &str) -> IntGauge {
    register(IntGauge::with_opts(gauge_opts(name, help)))
}

/// Registers a gauge with labels.
pub fn gauge_vec(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(IntGaugeVec::new(gauge_opts(name, help), labels))
}

/// Registers a gauge of fractions of one, with labels; its name ends in `_ratio`.
pub fn ratio_vec(name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    assert!(name.ends_with("_ratio"), "the gauge {name} must end in _ratio");
    register(GaugeVec::new(gauge_opts(name, help), labels))
}

/// Registers a histogram; its name ends in its unit.
pub fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    register(Histogram::with_opts(histogram_opts(name, help, buckets)))
}

/// Registers a histogram with labels; its name ends in its unit.
pub fn histogram_vec(name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
    register(HistogramVec::new(histogram_opts(name, help, buckets), labels))
}

fn counter_opts(name: &str, help: &str) -> Opts {
    assert!(name.ends_with("_total"), "the counter {name} must end in _total");
    Opts::new(prefixed(name), help)
}

fn gauge_opts(name: &str, help: &str) -> Opts {
    assert!(!name.ends_with("_total"), "the gauge {name} must not end in _total");
    Opts::new(prefixed(name), help)
}

fn histogram_opts(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    assert!(
        HISTOGRAM_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)),
        "the histogram {name} must end in one of {HISTOGRAM_SUFFIXES:?}"
    );
    HistogramOpts::new(prefixed(name), help).buckets(buckets.to_vec())
}

fn prefixed(name: &str) -> String {
    assert!(!name.starts_with(PREFIX), "the prefix of {name} is added by itself");
    format!("{PREFIX}{name}")
}

/// Names are literals, so a failure is a programmer's mistake that the first run shows.
fn register<M: Collector + Clone + 'static>(metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names, labels and buckets of metrics are valid literals");
    registry()
        .register(Box::new(metric.clone()))
        .expect("each metric is a static, and so registered once");
    metric
}
