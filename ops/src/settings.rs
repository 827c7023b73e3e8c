//! Where a command's settings come from.

use std::env;
use std::path::Path;

use anyhow::Context as _;
use runtime::{Settings, SettingsError};

use crate::local::{self, LocalFiles};

/// Whoever sets one of these means other servers than those of a local `mediconnect up`.
const OPERATORS_SERVERS: [&str; 4] =
    ["MC_CONFIG", "MC_DATABASE__OPS_URL", "MC_DATABASE__AUDITOR_URL", "NATS_URL"];

/// The settings of a service or of a command that is told everything.
pub fn load(config: Option<&Path>) -> Result<Settings, SettingsError> {
    Settings::load(config)
}

/// The settings of an operator's command: those that are given, or else those of the `mediconnect
/// up` that runs from this folder. `key` is the setting that the command can't do without.
pub fn load_for_operators(config: Option<&Path>, key: &'static str) -> anyhow::Result<Settings> {
    if config.is_some() || is_given(&OPERATORS_SERVERS) {
        return Ok(load(config)?);
    }
    let local = LocalFiles::new(&local::folder());
    if local.running_url().is_some() {
        return Ok(load(Some(&local.ops_settings()))?);
    }
    let nothing_runs = local.nothing_runs() + ". For another server";
    Err(SettingsError::missing(key)).context(nothing_runs)
}

/// Whether somebody says, in any of the ways there are, which server to use.
pub fn is_given(names: &[&str]) -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    names.iter().any(|name| is_set(name) || is_set(&format!("{name}_FILE")))
}
