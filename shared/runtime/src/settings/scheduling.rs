//! `scheduling.*`: what api and the booking worker both have to know of visits.

use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};

/// What api and the booking worker both have to know of visits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulingSettings {
    /// How many days ahead a doctor's standard visit can be booked; visit types say it themselves.
    /// Default: 36,500, which is as good as no limit.
    pub standard_horizon_days: u16,
}

impl Default for SchedulingSettings {
    fn default() -> Self {
        Self { standard_horizon_days: 36_500 }
    }
}

impl SchedulingSettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        let days = self.standard_horizon_days.into();
        within(1..=36_500, &[("scheduling.standard_horizon_days", days)])
    }
}
