//! Prometheus metrics: one registry per process, and the listener that exposes it.
//!
//! Metrics are statics, registered on first use:
//!
//! ```
//! use std::sync::LazyLock;
//! use runtime::metrics::{self, IntCounter};
//!
//! static ACCEPTED: LazyLock<IntCounter> =
//!     LazyLock::new(|| metrics::counter("commands_accepted_total", "Commands accepted."));
//!
//! ACCEPTED.inc();
//! ```
//!
//! Names get the prefix `mediconnect_` and end in their unit. Labels hold words of a small,
//! closed set: never ids, never anything about a person.

mod listener;
mod register;
#[cfg(test)]
mod tests;

pub use listener::{MetricsError, say_ready, serve};
pub use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};
pub use register::{
    BATCH_SIZES, LATENCIES_SECONDS, counter, counter_vec, gauge, gauge_vec, histogram,
    histogram_vec, ratio_vec, registry, render,
};
