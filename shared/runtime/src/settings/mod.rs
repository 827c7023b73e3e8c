//! Settings of all services, in one tree.
//!
//! Sources, each overriding the one before: the defaults in this folder, an optional TOML
//! file (`--config` or `MC_CONFIG`), variables `MC_<SECTION>__<KEY>`, and a few well-known
//! names such as `DATABASE_URL`. `_FILE` behind the name of any variable makes its value the path
//! of a file that holds the value, as container runtimes hand over secrets. An unknown key is refused, because a misspelt setting that
//! silently does nothing is found on the worst day.

mod admin;
mod api;
mod audit;
mod booking;
mod database;
mod eligibility;
mod environment;
mod error;
mod known;
mod layer;
mod lifecycle;
mod load;
mod nats;
mod networks;
mod scheduling;
mod secret;
mod suggestion;
mod telemetry;
#[cfg(test)]
mod tests;
mod violation;

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use admin::AdminSettings;
pub use api::{ApiSettings, SecondFactor};
pub use audit::AuditSettings;
pub use booking::BookingSettings;
pub use database::DatabaseSettings;
pub use eligibility::EligibilitySettings;
pub use error::SettingsError;
pub use lifecycle::LifecycleSettings;
pub use nats::NatsSettings;
pub use networks::{ForwardedHeader, InvalidNetworks, Networks};
pub use scheduling::SchedulingSettings;
pub use telemetry::{LogFormat, TelemetrySettings};

/// Everything that can be configured. `Debug` redacts secrets.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The first administrator.
    pub admin: AdminSettings,
    /// The HTTP API.
    pub api: ApiSettings,
    /// The audit worker.
    pub audit: AuditSettings,
    /// The booking worker.
    pub booking: BookingSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// The eligibility worker.
    pub eligibility: EligibilitySettings,
    /// How a process ends.
    pub lifecycle: LifecycleSettings,
    /// NATS JetStream.
    pub nats: NatsSettings,
    /// What api and the booking worker both have to know of visits.
    pub scheduling: SchedulingSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Loads the settings of this process: defaults, then `config_file` (or the file that
    /// `MC_CONFIG` names), then the environment.
    pub fn load(config_file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::from_sources(config_file, std::env::vars_os())
    }

    /// As [`Settings::load`], with the environment as a parameter.
    pub fn from_sources<K, V>(
        config_file: Option<&Path>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, SettingsError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        load::load(config_file, environment.into_iter().map(|(k, v)| (k.into(), v.into())))
    }
}
