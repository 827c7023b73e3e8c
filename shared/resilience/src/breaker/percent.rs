//! Percentages without rounding.

use std::fmt;

const THOUSANDTHS_PER_PERCENT: u32 = 1000;

/// A percentage from 0 to 100, exact to a thousandth of a percent.
///
/// It isn't a float because 11 of 20 would then be more than 55 %.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Percent {
    thousandths: u32,
}

/// Not a percentage: it is below 0, above 100, or finer than a thousandth of a percent.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a percentage from 0 to 100 with at most three decimals")]
pub struct InvalidPercent(pub f64);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self::whole(0);

    /// A whole percentage, for constants. Panics above 100.
    pub const fn whole(percent: u8) -> Self {
        assert!(percent <= 100, "a percentage is at most 100");
        Self { thousandths: percent as u32 * THOUSANDTHS_PER_PERCENT }
    }

    /// Is `part` strictly more than this percentage of `whole`? Never of nothing.
    pub fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        let hundred_percent = u128::from(Self::whole(100).thousandths);
        u128::from(part) * hundred_percent > u128::from(whole) * u128::from(self.thousandths)
    }

    /// This percentage of `whole`, rounded down.
    pub(super) fn of(self, whole: u128) -> u128 {
        whole.saturating_mul(self.thousandths.into()) / u128::from(Self::whole(100).thousandths)
    }
}

impl TryFrom<f64> for Percent {
    type Error = InvalidPercent;

    fn try_from(percent: f64) -> Result<Self, InvalidPercent> {
        let thousandths = percent * f64::from(THOUSANDTHS_PER_PERCENT);
        let is_exact = (thousandths - thousandths.round()).abs() < 1e-6;
        if !(0.0..=100.0).contains(&percent) || !is_exact {
            return Err(InvalidPercent(percent));
        }
        Ok(Self { thousandths: thousandths.round() as u32 })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.thousandths) / f64::from(THOUSANDTHS_PER_PERCENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_percentage_does_not_exceed_it() {
        for percent in 0..=100 {
            let threshold = Percent::whole(percent);
            let percent = u64::from(percent);
            for whole in 1..=200 {
                let most = percent * whole / 100;
                assert!(!threshold.is_exceeded_by(most, whole), "{most} of {whole}, {percent} %");
                assert!(threshold.is_exceeded_by(most + 1, whole), "{most} of {whole}");
            }
        }
    }

    #[test]
    fn decimals_mean_what_was_written() {
        let third = Percent::try_from(33.3).unwrap();
        assert!(!third.is_exceeded_by(333, 1000));
        assert!(third.is_exceeded_by(334, 1000));
        assert_eq!(third.to_string(), "33.3 %");
        assert_eq!(Percent::try_from(50.0), Ok(Percent::whole(50)));
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        assert!(!Percent::whole(100).is_exceeded_by(u64::MAX, u64::MAX));
        assert!(Percent::whole(99).is_exceeded_by(u64::MAX, u64::MAX));
        assert!(!Percent::ZERO.is_exceeded_by(0, 0));
    }

    #[test]
    fn refuses_what_is_no_percentage() {
        for percent in [-0.5, 100.5, 33.3333, f64::NAN, f64::INFINITY] {
            assert!(Percent::try_from(percent).is_err(), "{percent}");
        }
    }
}
