//! What transactions count.

use std::sync::LazyLock;

use runtime::metrics::{
    HistogramVec, IntCounterVec, LATENCIES_SECONDS, counter_vec, histogram_vec,
};

pub(super) static RETRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "transaction_retries_total",
        "Transactions that lost a race and were run again",
        &["transaction", "cause"],
    )
});

pub(super) static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    histogram_vec(
        "transaction_duration_seconds",
        "Transactions that were committed, from getting a connection to the end of the commit",
        LATENCIES_SECONDS,
        &["transaction"],
    )
});
