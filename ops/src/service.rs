//! Running one service: telemetry first, then the service, then an orderly end.

use std::process::ExitCode;
use std::time::Duration;

use runtime::{Settings, Shutdown, telemetry};

use crate::exit;

/// Runs a service until it is told to stop. Its failure is logged here, and nowhere else.
pub async fn run<F>(
    name: &'static str,
    settings: Settings,
    service: impl FnOnce(Settings, Shutdown) -> F,
) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let _telemetry = telemetry::init(name, &settings.telemetry)?;
    let shutdown = Shutdown::on_signals(Duration::from_millis(settings.lifecycle.stop_grace_ms))?;
    match service(settings, shutdown).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the service failed");
            Ok(exit::code(&error))
        }
    }
}
