//! How long an answer takes.

use std::f64::consts::TAU;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidKnobs, require, within};
use crate::draw::Draw;

/// Longest latency, in milliseconds: payers give up after a minute.
pub const MAX_MS: u64 = 60_000;

/// Points of a table, at most.
const POINTS_MAX: usize = 100;

/// How many standard deviations the 99th percentile of a normal distribution lies above its mean.
const P99_IN_SIGMAS: f64 = 2.326_347_874;

/// A distribution of latencies, in milliseconds, none above 60,000.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant {
        /// This.
        ms: u64,
    },
    /// Anything between two values, equally likely.
    Uniform {
        /// The least.
        min_ms: u64,
        /// The most.
        max_ms: u64,
    },
    /// Mostly near the median, with a long tail.
    LogNormal {
        /// Half of all calls take less.
        median_ms: u64,
        /// One of a hundred takes more.
        p99_ms: u64,
        /// None takes more. Default: 60,000.
        #[serde(default = "max_ms")]
        max_ms: u64,
    },
    /// As measured: straight lines between the points. Below the first point, its value.
    Percentiles {
        /// Both values ascending; the last percentile is 100.
        points: Vec<PercentilePoint>,
    },
}

/// A point of a table of percentiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentilePoint {
    /// Above 0, at most 100.
    pub percentile: f64,
    /// So many percent of all calls take no more than this.
    pub ms: u64,
}

const fn max_ms() -> u64 {
    MAX_MS
}

impl Default for Latency {
    fn default() -> Self {
        Self::Constant { ms: 0 }
    }
}

impl Latency {
    pub(super) fn check(&self, at: &str) -> Result<(), InvalidKnobs> {
        match self {
            Self::Constant { ms } => within(0, MAX_MS, *ms, &format!("{at}.constant.ms")),
            Self::Uniform { min_ms, max_ms } => {
                within(0, MAX_MS, *max_ms, &format!("{at}.uniform.max_ms"))?;
                within(0, *max_ms, *min_ms, &format!("{at}.uniform.min_ms"))
            }
            Self::LogNormal { median_ms, p99_ms, max_ms } => {
                within(1, MAX_MS, *max_ms, &format!("{at}.log_normal.max_ms"))?;
                within(1, *max_ms, *p99_ms, &format!("{at}.log_normal.p99_ms"))?;
                within(1, *p99_ms, *median_ms, &format!("{at}.log_normal.median_ms"))
            }
            Self::Percentiles { points } => check_points(points, &format!("{at}.percentiles")),
        }
    }

    /// The latency of one call.
    pub(super) fn drawn(&self, draw: &Draw) -> Duration {
        let ms = match self {
            Self::Constant { ms } => *ms as f64,
            Self::Uniform { min_ms, max_ms } => {
                *min_ms as f64 + draw.fraction(1) * (max_ms - min_ms) as f64
            }
            Self::LogNormal { median_ms, p99_ms, max_ms } => {
                let sigma = (*p99_ms as f64 / *median_ms as f64).ln() / P99_IN_SIGMAS;
                let ms = *median_ms as f64 * (sigma * normal(draw)).exp();
                ms.min(*max_ms as f64)
            }
            Self::Percentiles { points } => at_percentile(points, draw.fraction(1) * 100.0),
        };
        Duration::from_secs_f64(ms / 1000.0)
    }
}

/// A normally distributed number with mean 0 and deviation 1 (Box and Muller).
fn normal(draw: &Draw) -> f64 {
    // 1 - x is never 0, whose logarithm would be infinite.
    let radius = (-2.0 * (1.0 - draw.fraction(1)).ln()).sqrt();
    radius * (TAU * draw.fraction(2)).cos()
}

fn at_percentile(points: &[PercentilePoint], percentile: f64) -> f64 {
    let Some(above) = points.iter().position(|point| percentile <= point.percentile) else {
        return points.last().map_or(0.0, |point| point.ms as f64);
    };
    let high = points[above];
    let Some(low) = above.checked_sub(1).map(|below| points[below]) else {
        return high.ms as f64;
    };
    let part = (percentile - low.percentile) / (high.percentile - low.percentile);
    low.ms as f64 + part * (high.ms - low.ms) as f64
}

fn check_points(points: &[PercentilePoint], at: &str) -> Result<(), InvalidKnobs> {
    let at = |index: usize, field: &str| format!("{at}.points.{index}.{field}");
    let count = points.len();
    require((1..=POINTS_MAX).contains(&count), &at(0, "percentile"), || {
        format!("needs 1 to {POINTS_MAX} points, not {count}")
    })?;
    let (mut least_percentile, mut least_ms) = (0.0, 0);
    for (index, point) in points.iter().enumerate() {
        let is_last = index + 1 == count;
        let is_placed = point.percentile > least_percentile
            && if is_last { point.percentile >= 100.0 } else { true }
            && point.percentile <= 100.0;
        require(is_placed, &at(index, "percentile"), || {
            format!("must be above {least_percentile}, at most 100, and 100 in the last point")
        })?;
        within(least_ms, MAX_MS, point.ms, &at(index, "ms"))?;
        (least_percentile, least_ms) = (point.percentile, point.ms);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted_ms(latency: &Latency) -> Vec<u128> {
        latency.check("latency").unwrap();
        let drawn = |n: u64| latency.drawn(&Draw::new(3, &[&n.to_be_bytes()])).as_millis();
        let mut all: Vec<_> = (0..2000).map(drawn).collect();
        all.sort_unstable();
        all
    }

    fn points(points: &[(f64, u64)]) -> Latency {
        let point = |&(percentile, ms)| PercentilePoint { percentile, ms };
        Latency::Percentiles { points: points.iter().map(point).collect() }
    }

    #[test]
    fn distributions_have_their_percentiles() {
        let all = sorted_ms(&Latency::Uniform { min_ms: 100, max_ms: 200 });
        assert!(all[0] >= 100 && all[1999] <= 200 && (140..160).contains(&all[1000]));

        let tailed = Latency::LogNormal { median_ms: 500, p99_ms: 20_000, max_ms: MAX_MS };
        let all = sorted_ms(&tailed);
        assert!((450..550).contains(&all[1000]), "median {}", all[1000]);
        assert!((12_000..30_000).contains(&all[1980]), "p99 {}", all[1980]);
        assert_eq!(all[1999], 60_000, "the tail reaches a minute, and no further");

        let all = sorted_ms(&points(&[(50.0, 10), (90.0, 100), (100.0, 60_000)]));
        assert_eq!(all[0], 10);
        assert!((10..15).contains(&all[1000]) && (80..97).contains(&all[1700]));
        assert!((50_000..=60_000).contains(&all[1999]));
    }

    #[test]
    fn refuses_what_is_no_distribution() {
        for latency in [
            Latency::Constant { ms: MAX_MS + 1 },
            Latency::Uniform { min_ms: 2, max_ms: 1 },
            Latency::LogNormal { median_ms: 0, p99_ms: 1, max_ms: 1 },
            Latency::LogNormal { median_ms: 2, p99_ms: 1, max_ms: 3 },
            points(&[]),
            points(&[(50.0, 1)]),
            points(&[(50.0, 1), (50.0, 2), (100.0, 3)]),
            points(&[(50.0, 2), (100.0, 1)]),
            points(&[(f64::NAN, 1), (100.0, 1)]),
            points(&[(101.0, 1)]),
        ] {
            assert!(latency.check("latency").is_err(), "{latency:?}");
        }
    }
}
