//! How long to wait before the next try.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Exponentially growing delays with full jitter, from `initial` to `max`.
///
/// The growth is the `backoff` crate's interval arithmetic; its own randomness, clock and
/// retry loops are not used, so that a seed decides everything.
#[derive(Debug)]
pub struct RetryDelays {
    intervals: ExponentialBackoff,
    random: SmallRng,
}

impl RetryDelays {
    /// Delays whose jitter differs from process to process.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self::with_random(initial, max, rand::make_rng())
    }

    /// Delays that are the same for the same seed.
    pub fn seeded(initial: Duration, max: Duration, seed: u64) -> Self {
        Self::with_random(initial, max, SmallRng::seed_from_u64(seed))
    }

    fn with_random(initial: Duration, max: Duration, random: SmallRng) -> Self {
        let intervals = ExponentialBackoff {
            current_interval: initial,
            initial_interval: initial,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: max,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { intervals, random }
    }

    /// The next delay: between half the current interval and all of it.
    pub fn next_delay(&mut self) -> Duration {
        let interval = self.intervals.next_backoff().unwrap_or(self.intervals.max_interval);
        interval.mul_f64(self.random.random_range(0.5..=1.0))
    }

    /// The delay before try number `failures` + 1, for callers that keep the count elsewhere.
    pub fn delay_after(&mut self, failures: u32) -> Duration {
        self.reset();
        // Beyond 20 doublings every interval has reached its maximum.
        for _ in 1..failures.min(20) {
            self.intervals.next_backoff();
        }
        self.next_delay()
    }

    /// Begins again with the initial interval, after a success.
    pub fn reset(&mut self) {
        self.intervals.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(2);

    #[test]
    fn grows_to_its_maximum_within_the_jitter() {
        let mut delays = RetryDelays::seeded(INITIAL, MAX, 7);
        let mut interval = INITIAL;
        for _ in 0..12 {
            let delay = delays.next_delay();
            assert!(delay >= interval / 2 && delay <= interval + Duration::from_nanos(1));
            interval = (interval * 2).min(MAX);
        }
        delays.reset();
        assert!(delays.next_delay() <= INITIAL + Duration::from_nanos(1));
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| {
            let mut delays = RetryDelays::seeded(INITIAL, MAX, seed);
            std::array::from_fn::<_, 5, _>(|_| delays.next_delay())
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn counts_failures_for_others() {
        let mut delays = RetryDelays::seeded(INITIAL, MAX, 7);
        assert!(delays.delay_after(1) <= INITIAL + Duration::from_nanos(1));
        assert!(delays.delay_after(3) >= INITIAL * 2);
        assert!(delays.delay_after(u32::MAX) >= MAX / 2);
    }
}
