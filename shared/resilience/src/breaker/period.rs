//! How long the breaker stays open.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::options::{Growth, Options};
use super::percent::Percent;

/// The open periods, one after the other.
#[derive(Debug)]
pub(super) struct OpenPeriods {
    initial: Duration,
    growth: Option<Growth>,
    jitter: Percent,
    upcoming: Duration,
    random: SmallRng,
}

impl OpenPeriods {
    pub fn new(options: &Options, seed: u64) -> Self {
        Self {
            initial: options.open_period,
            growth: options.growth,
            jitter: options.jitter,
            upcoming: options.open_period,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// The next period, its jitter included.
    pub fn next(&mut self) -> Duration {
        let period = self.upcoming;
        if let Some(Growth { factor, max }) = self.growth {
            self.upcoming = period.saturating_mul(factor).min(max).max(self.initial);
        }
        period.saturating_add(self.jitter_of(period))
    }

    /// Begins again with the initial period.
    pub fn reset(&mut self) {
        self.upcoming = self.initial;
    }

    fn jitter_of(&mut self, period: Duration) -> Duration {
        if self.jitter == Percent::ZERO {
            return Duration::ZERO;
        }
        let most_ns = u64::try_from(self.jitter.of(period.as_nanos())).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.random_range(0..=most_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn periods(options: &Options, seed: u64) -> [Duration; 5] {
        let mut periods = OpenPeriods::new(options, seed);
        std::array::from_fn(|_| periods.next())
    }

    #[test]
    fn is_always_the_same_by_default() {
        assert_eq!(periods(&Options::default(), 7), [10 * SECOND; 5]);
    }

    #[test]
    fn grows_to_its_maximum_and_begins_again() {
        let growth = Some(Growth { factor: 2, max: 60 * SECOND });
        let options = Options { growth, ..Options::default() };
        assert_eq!(periods(&options, 7), [10, 20, 40, 60, 60].map(Duration::from_secs));

        let mut grown = OpenPeriods::new(&options, 7);
        grown.next();
        grown.reset();
        assert_eq!(grown.next(), 10 * SECOND);
    }

    #[test]
    fn never_gets_shorter_than_the_initial_one() {
        let growth = Some(Growth { factor: 2, max: SECOND });
        let options = Options { growth, ..Options::default() };
        assert_eq!(periods(&options, 7), [10 * SECOND; 5]);
    }

    #[test]
    fn jitter_only_adds_and_follows_the_seed() {
        let options = Options { jitter: Percent::whole(20), ..Options::default() };
        let jittered = periods(&options, 7);
        assert!(jittered.iter().all(|period| (10 * SECOND..=12 * SECOND).contains(period)));
        assert!(jittered.iter().any(|period| *period != jittered[0]), "{jittered:?}");
        assert_eq!(jittered, periods(&options, 7));
        assert_ne!(jittered, periods(&options, 8));
    }

    #[test]
    fn the_longest_periods_do_not_overflow() {
        let growth = Some(Growth { factor: u32::MAX, max: Duration::MAX });
        let jitter = Percent::whole(100);
        let options = Options { open_period: Duration::MAX, growth, jitter, ..Options::default() };
        assert_eq!(periods(&options, 7), [Duration::MAX; 5]);
    }
}
