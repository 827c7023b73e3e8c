//! Panics are log lines like any other.

use std::panic::PanicHookInfo;

/// Logs panics through `tracing` instead of printing them.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

pub(super) fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let message = info.payload_as_str().unwrap_or("without a message");
    let thread = std::thread::current();
    tracing::error!(
        panic.message = message,
        panic.location = location,
        panic.thread = thread.name(),
        "a thread panicked"
    );
}
