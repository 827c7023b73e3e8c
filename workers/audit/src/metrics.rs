//! What the audit worker counts. Labels are enum words.

use std::sync::LazyLock;

use runtime::metrics::{
    BATCH_SIZES, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, LATENCIES_SECONDS,
    counter, counter_vec, gauge, gauge_vec, histogram,
};

/// Rows that are sealed.
pub(crate) static ROWS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("audit_rows_total", "Rows of the audit log that were sealed"));

/// Rows of one seal.
pub(crate) static BATCH: LazyLock<Histogram> = LazyLock::new(|| {
    histogram("audit_seal_rows", "Rows of the audit log that one seal covers", BATCH_SIZES)
});

/// How long a seal takes.
pub(crate) static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "From the first row of a batch to its committed seal";
    histogram("audit_seal_seconds", help, LATENCIES_SECONDS)
});

/// The last seal. There once this process leads.
pub(crate) static SEAL: LazyLock<IntGauge> =
    LazyLock::new(|| gauge("audit_seal_number", "The last seal, once this process leads"));

/// When everything was sealed that could be read. There once this process leads: an age says more
/// than a count, because it grows when nothing works at all.
pub(crate) static SEALED_AT: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Unix time at which the streams were last read and what was read was sealed";
    gauge("audit_sealed_timestamp_seconds", help)
});

/// Messages that wait to be sealed.
pub(crate) static PENDING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Messages behind the last one that was read for sealing";
    gauge_vec("audit_pending_messages", help, &["stream"])
});

/// Messages that could not be read.
pub(crate) static UNREADABLE: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Messages that were sealed as unreadable";
    counter_vec("audit_unreadable_total", help, &["stream", "reason"])
});

/// Gaps in the streams.
pub(crate) static GAPS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Times that messages were gone from a stream before they were sealed";
    counter_vec("audit_gaps_total", help, &["stream"])
});

/// Anchors that the database contradicts.
pub(crate) static CONFLICTS: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Times that the audit log did not end where its anchor says";
    counter("audit_anchor_conflicts_total", help)
});
