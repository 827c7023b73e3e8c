//! What a breaker can be told.

use std::time::Duration;

use super::percent::Percent;

/// More buckets than anybody needs; each takes 16 bytes and is read at every failure.
pub const MAX_BUCKETS: u32 = 10_000;

/// How a breaker behaves. [`Options::default`] is MediConnect's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Opens when strictly more than this share of the finished calls failed.
    pub failure_threshold: Percent,
    /// Calls that must have finished in the window before the share counts; 0 and 1 let the first
    /// failure open.
    pub volume_threshold: u64,
    /// How long a finished call is remembered: between this less a bucket and this.
    pub window: Duration,
    /// Buckets in the window, each a whole number of milliseconds long (rounded down). Calls are
    /// forgotten a bucket at a time; the first bucket begins when the breaker is made.
    pub buckets: u32,
    /// How long it stays open before a probe is let through.
    pub open_period: Duration,
    /// How `open_period` grows from one opening to the next, until the breaker closes.
    pub growth: Option<Growth>,
    /// A random time, up to this share of the period, is added to it, so that many replicas don't
    /// probe together.
    pub jitter: Percent,
    /// A probe that has no result by then makes room for another, and its result is ignored. It
    /// should be longer than the timeout of the call. Its place under `capacity` stays taken until
    /// its permit is gone, since it is still running.
    pub probe_deadline: Duration,
    /// Calls that may run at once.
    pub capacity: Option<u64>,
}

/// Growth of the open period.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Growth {
    /// The next period is this many times the last.
    pub factor: u32,
    /// No period is longer, unless the initial one is.
    pub max: Duration,
}

/// Options that no breaker can have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidOptions {
    /// The number of buckets.
    #[error("a window has 1 to {MAX_BUCKETS} buckets, not {0}")]
    Buckets(u32),
    /// The window's length.
    #[error("a window of {window:?} is too short for {buckets} buckets of at least 1 ms each")]
    Window {
        /// The window's length.
        window: Duration,
        /// The number of buckets.
        buckets: u32,
    },
    /// The period would shrink to nothing.
    #[error("the open period can't grow by a factor of 0; 1 keeps it as it is")]
    Growth,
}

impl Default for Options {
    /// 50 % of at least 5 calls in 10 s opens for 10 s. The minimum is low because calls are slow:
    /// with 4 at a time and a timeout of 20 s, a hanging payer gives few results per window.
    fn default() -> Self {
        Self {
            failure_threshold: Percent::whole(50),
            volume_threshold: 5,
            window: Duration::from_secs(10),
            buckets: 10,
            open_period: Duration::from_secs(10),
            growth: None,
            jitter: Percent::ZERO,
            probe_deadline: Duration::from_mins(1),
            capacity: None,
        }
    }
}

impl Options {
    /// Can a breaker have these?
    pub fn check(&self) -> Result<(), InvalidOptions> {
        let (window, buckets) = (self.window, self.buckets);
        if !(1..=MAX_BUCKETS).contains(&buckets) {
            return Err(InvalidOptions::Buckets(buckets));
        }
        if self.bucket_length().is_zero() {
            return Err(InvalidOptions::Window { window, buckets });
        }
        if self.growth.is_some_and(|growth| growth.factor == 0) {
            return Err(InvalidOptions::Growth);
        }
        Ok(())
    }

    /// The length of a bucket, in whole milliseconds.
    pub(super) fn bucket_length(&self) -> Duration {
        let bucket_ms = self.window.as_millis() / u128::from(self.buckets.max(1));
        Duration::from_millis(u64::try_from(bucket_ms).unwrap_or(u64::MAX))
    }
}
