//! The signals that end everything: once softly, twice hard.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the signals so far ask for.
#[derive(Clone, Debug)]
pub struct StopSignals {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl StopSignals {
    /// Listens from now on for Ctrl-C, SIGTERM, and the end of the terminal.
    pub fn install() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let signals = Self { soft: CancellationToken::new(), hard: CancellationToken::new() };
        let seen = signals.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if seen.soft.is_cancelled() {
                    seen.hard.cancel();
                }
                seen.soft.cancel();
            }
        });
        Ok(signals)
    }

    /// Waits for the first signal.
    pub async fn requested(&self) {
        self.soft.cancelled().await;
    }

    /// Waits for the second signal.
    pub async fn insisted(&self) {
        self.hard.cancelled().await;
    }
}
