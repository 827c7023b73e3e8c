//! What the bus counts. Labels are enum words and consumers' names, never ids.

use std::sync::LazyLock;

use prometheus::{GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};
use runtime::metrics::{
    BATCH_SIZES, LATENCIES_SECONDS, counter, counter_vec, gauge_vec, histogram, histogram_vec,
    ratio_vec,
};

pub(crate) struct BusMetrics {
    pub connections: IntCounter,
    pub slow_consumers: IntCounter,
    pub publish_batch: Histogram,
    pub publish_seconds: Histogram,
    pub publish_unknown: IntCounter,
    pub replies: IntCounterVec,
    pub deliveries: IntCounterVec,
    pub redeliveries: IntCounterVec,
    pub verdicts: IntCounterVec,
    pub dead_letters: IntCounterVec,
    pub rebuilds: IntCounterVec,
    pub requeued: IntCounterVec,
    pub fill: GaugeVec,
    pub copies_missing: IntGaugeVec,
    pub purged: IntCounterVec,
    pub holds: IntCounterVec,
    pub handled_batch: HistogramVec,
    pub handled_seconds: HistogramVec,
}

static METRICS: LazyLock<BusMetrics> = LazyLock::new(|| BusMetrics {
    connections: counter("nats_connections_total", "Connections made to NATS, the first included"),
    slow_consumers: counter(
        "nats_slow_consumer_events_total",
        "Times the client dropped messages because this process read too slowly",
    ),
    publish_batch: histogram(
        "publish_batch_messages",
        "Commands or audit entries that travelled together in one durable publish",
        BATCH_SIZES,
    ),
    publish_seconds: histogram(
        "publish_duration_seconds",
        "From handing a batch to JetStream to its durable acknowledgement",
        LATENCIES_SECONDS,
    ),
    publish_unknown: counter(
        "publish_unknown_outcomes_total",
        "Publishes that were neither acknowledged nor refused and were sent again",
    ),
    replies: counter_vec(
        "replies_total",
        "Outcomes received from workers: awaited, or nobody waited any more",
        &["to"],
    ),
    deliveries: counter_vec("deliveries_total", "Messages delivered", &["consumer"]),
    redeliveries: counter_vec(
        "redeliveries_total",
        "Messages delivered that had been delivered before",
        &["consumer"],
    ),
    verdicts: counter_vec(
        "verdicts_total",
        "How messages were settled: done, retry, dead, or left to another consumer",
        &["consumer", "verdict"],
    ),
    dead_letters: counter_vec(
        "dead_letters_total",
        "Dead letters written",
        &["consumer", "error_class"],
    ),
    rebuilds: counter_vec(
        "consumer_rebuilds_total",
        "Times the watchdog made a consumer anew",
        &["consumer"],
    ),
    requeued: counter_vec(
        "requeued_messages_total",
        "Messages that reconciliation found skipped, and handed to the worker again",
        &["consumer"],
    ),
    fill: ratio_vec(
        "stream_fill_ratio",
        "Bytes in a stream, of its limit; at 1 it refuses",
        &["stream"],
    ),
    copies_missing: gauge_vec(
        "stream_copies_missing",
        "Copies of a stream on nodes that were away or behind when this process last looked",
        &["stream"],
    ),
    purged: counter_vec("purged_messages_total", "Messages purged from a stream", &["stream"]),
    holds: counter_vec(
        "outage_holds_total",
        "Times a worker held its work because a dependency was away",
        &["consumer"],
    ),
    handled_batch: histogram_vec(
        "handled_batch_messages",
        "Messages handled together",
        BATCH_SIZES,
        &["consumer"],
    ),
    handled_seconds: histogram_vec(
        "handle_duration_seconds",
        "Time a handler took for one batch",
        LATENCIES_SECONDS,
        &["consumer"],
    ),
});

pub(crate) fn get() -> &'static BusMetrics {
    &METRICS
}
