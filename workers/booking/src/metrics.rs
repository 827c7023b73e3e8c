//! What the booking worker counts. Labels are enum words.

use std::sync::LazyLock;

use runtime::metrics::{IntCounter, IntCounterVec, IntGauge, counter, counter_vec, gauge};

/// Requests settled: kind, outcome, and the reason when that is a rejection.
pub(crate) static SETTLED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec("requests_settled_total", "Requests settled", &["kind", "outcome", "reason"])
});

/// Deliveries of requests that had been settled before.
pub(crate) static ALREADY_SETTLED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "requests_already_settled_total",
        "Requests that were delivered again after they had been settled",
        &["kind"],
    )
});

/// Transactions that a batch was cut into.
pub(crate) static SEGMENTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("batch_segments_total", "Transactions that batches of commands were cut into")
});

/// Facts published.
pub(crate) static PUBLISHED: LazyLock<IntCounter> =
    LazyLock::new(|| counter("outbox_published_total", "Facts published from the outbox"));

/// Facts in the outbox.
pub(crate) static PENDING: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("outbox_pending_rows", "Facts in the outbox when this worker last looked")
});

/// Facts that this version can't publish.
pub(crate) static UNKNOWN_FACTS: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "outbox_unknown_rows",
        "Facts in the outbox of a kind that this worker doesn't know, when it last looked",
    )
});

/// Where the ledger's last checkpoint ends.
pub(crate) static CHECKPOINTED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("ledger_checkpoint_sequence", "Sequence of MC_COMMANDS up to which the ledger has proven")
});

/// Checkpoints of the ledger.
pub(crate) static CHECKPOINTS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("ledger_checkpoints_total", "Checkpoints of the ledger"));

/// Whether the last look at the books found what nothing explains.
pub(crate) static TROUBLED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("ledger_unbalanced", "1 when this worker's last look at the books found a loss, else 0")
});

/// Dead letters that nobody has dealt with.
pub(crate) static OPEN_LETTERS: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("dead_letters_open", "Dead letters that were open when this worker last looked")
});
