//! What every process of the house needs before it can do its own work: settings,
//! telemetry, metrics and an orderly end. It knows nothing of HTTP routes, NATS or
//! PostgreSQL.

pub mod lifecycle;
pub mod metrics;
pub mod settings;
pub mod telemetry;

pub use lifecycle::Shutdown;
pub use settings::{Settings, SettingsError};
