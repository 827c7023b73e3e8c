//! How a command that failed ends: with a sentence, and the exit code that fits.

use std::io::Write;
use std::process::ExitCode;

use runtime::SettingsError;

/// Wrong usage, or settings that can't be used; also clap's code for wrong usage.
pub const EXIT_USAGE: u8 = 2;

/// A command can't be carried out as it was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Says what went wrong, and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    // Nobody may be listening any more; the exit code still counts.
    let _ = writeln!(std::io::stderr(), "mediconnect: {error:#}");
    code(error)
}

/// The exit code that fits.
pub fn code(error: &anyhow::Error) -> ExitCode {
    let is_usage =
        error.chain().any(|cause| cause.is::<SettingsError>() || cause.is::<UsageError>());
    if is_usage { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
}
