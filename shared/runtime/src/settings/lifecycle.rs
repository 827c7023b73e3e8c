//! `lifecycle.*`: how a process ends.

use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};

/// Settings of a process's end.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifecycleSettings {
    /// Time between the soft stop (finish what is in hand) and the hard stop. The default,
    /// 8,000 ms, ends before container runtimes lose patience after 10 s.
    pub stop_grace_ms: u64,
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self { stop_grace_ms: 8_000 }
    }
}

impl LifecycleSettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        within(0..=600_000, &[("lifecycle.stop_grace_ms", self.stop_grace_ms)])
    }
}
