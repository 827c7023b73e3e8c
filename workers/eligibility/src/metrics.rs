//! What the eligibility worker counts. Labels are enum words and payers' numbers.

use std::sync::LazyLock;

use runtime::metrics::{
    HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, counter, counter_vec, gauge_vec,
    histogram_vec,
};

/// Buckets for calls: insurers take up to a minute.
const CALL_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Calls to insurers that ended: an answer's class, or why there was none.
pub(crate) static CALLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec("insurer_calls_total", "Calls to insurers, by their end", &["payer", "outcome"])
});

/// How long they took.
pub(crate) static CALL_TIME: LazyLock<HistogramVec> = LazyLock::new(|| {
    histogram_vec(
        "insurer_call_duration_seconds",
        "From asking an insurer to its answer, or to giving up",
        CALL_SECONDS,
        &["payer"],
    )
});

/// Calls that weren't made.
pub(crate) static REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "insurer_calls_refused_total",
        "Checks that were due and not asked, because the breaker was open or no insurer is set up",
        &["payer", "reason"],
    )
});

/// One series per state, 1 for the one that holds.
pub(crate) static BREAKER_STATE: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge_vec(
        "breaker_state",
        "1 for the state in which this worker's breaker for the payer is, else 0",
        &["payer", "state"],
    )
});

/// Changes of state.
pub(crate) static TRANSITIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "breaker_transitions_total",
        "Changes of state of the payers' breakers",
        &["payer", "from", "to"],
    )
});

/// Checks that became something.
pub(crate) static SETTLED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec("eligibility_checks_settled_total", "Calls written down", &["status"])
});

/// Checks that were made, moved or stopped because something has happened to their visit.
pub(crate) static FOLLOWED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "eligibility_checks_followed_total",
        "Checks made, moved or stopped because a visit was booked, moved or called off",
    )
});

/// Visits whose facts never arrived.
pub(crate) static OVERLOOKED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("eligibility_visits_overlooked_total", "Visits that were found without their facts")
});

/// Checks without an answer.
pub(crate) static OPEN: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge_vec(
        "eligibility_checks_open",
        "Checks without an answer when this worker last looked",
        &["status"],
    )
});

/// Leases that ran out before the answer was written down.
pub(crate) static LEASES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("eligibility_leases_lost_total", "Answers that came too late to be written down")
});
