//! Times during which nothing works, counted from when the knobs were set.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidKnobs, Outcome, require, within};

/// A day.
const MAX_MS: u64 = 86_400_000;

/// All calls fail once, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins. Default: 0, at once.
    #[serde(default)]
    pub start_in_ms: u64,
    /// How long it lasts.
    pub duration_ms: u64,
    /// How calls fail. Default: 503.
    #[serde(default = "Outcome::unavailable")]
    pub outcome: Outcome,
}

/// All calls fail again and again. Every period begins well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// How long it takes till the same comes again.
    pub period_ms: u64,
    /// The part of the period in which all is well, from 0 to 1.
    pub up_ratio: f64,
    /// How calls fail in the rest. Default: 503.
    #[serde(default = "Outcome::unavailable")]
    pub outcome: Outcome,
}

impl Outage {
    pub(super) fn check(&self, at: &str) -> Result<(), InvalidKnobs> {
        within(0, MAX_MS, self.start_in_ms, &format!("{at}.start_in_ms"))?;
        within(1, MAX_MS, self.duration_ms, &format!("{at}.duration_ms"))?;
        self.outcome.check(&format!("{at}.outcome"))
    }

    pub(super) fn covers(&self, elapsed: Duration) -> bool {
        let start = Duration::from_millis(self.start_in_ms);
        let end = start + Duration::from_millis(self.duration_ms);
        (start..end).contains(&elapsed)
    }
}

impl Flapping {
    pub(super) fn check(&self, at: &str) -> Result<(), InvalidKnobs> {
        within(1, MAX_MS, self.period_ms, &format!("{at}.period_ms"))?;
        let is_ratio = (0.0..=1.0).contains(&self.up_ratio);
        require(is_ratio, &format!("{at}.up_ratio"), || "must lie between 0 and 1".to_owned())?;
        self.outcome.check(&format!("{at}.outcome"))
    }

    pub(super) fn is_down(&self, elapsed: Duration) -> bool {
        let period = Duration::from_millis(self.period_ms);
        let into_period = elapsed.as_nanos() % period.as_nanos();
        into_period as f64 >= period.as_nanos() as f64 * self.up_ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_down_at(up_ratio: f64, elapsed_ms: u64) -> bool {
        let flapping = Flapping { period_ms: 100, up_ratio, outcome: Outcome::Hang };
        flapping.is_down(Duration::from_millis(elapsed_ms))
    }

    #[test]
    fn flapping_is_up_first() {
        for (elapsed_ms, is_down) in [(0, false), (24, false), (25, true), (99, true), (100, false)]
        {
            assert_eq!(is_down_at(0.25, elapsed_ms), is_down, "{elapsed_ms}");
        }
        assert!((0..300).all(|ms| is_down_at(0.0, ms)));
        assert!((0..300).all(|ms| !is_down_at(1.0, ms)));
    }
}
