//! Keeping everything running, and taking it down in order.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context;
use resilience::RetryDelays;
use servers::{PrivateNats, PrivatePostgres, ServerError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::screen::Screen;
use super::services::Service;
use super::start::Processes;
use super::stop::StopSignals;

/// The pause before an ended process is started again, from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A process that lived this long had started well.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Ends in a row, each soon after a start, that mean that starting again doesn't help.
const ENDS_IN_A_ROW: u32 = 5;

/// A process that can be waited for, started again, and stopped.
trait Supervised: Send + 'static {
    fn name(&self) -> &'static str;
    fn log_tail(&self) -> String;
    fn wait(&mut self) -> impl Future<Output = Result<ExitStatus, ServerError>> + Send;
    fn restart(&mut self) -> impl Future<Output = Result<(), ServerError>> + Send;
    fn stop(&mut self) -> impl Future<Output = Result<(), ServerError>> + Send;
    fn stop_hard(&mut self) -> impl Future<Output = Result<(), ServerError>> + Send;
}

/// Runs until a signal, or until a process fails again and again. Returns when all are gone.
pub async fn until_stopped(
    processes: Processes,
    screen: &Screen,
    stop: &StopSignals,
) -> anyhow::Result<()> {
    let (failures, mut failed) = mpsc::unbounded_channel();
    let tier = || Tier::new(screen, stop, &failures);
    let (mut services, mut nats, mut postgres) = (tier(), tier(), tier());
    services.keep_running(processes.api);
    services.keep_running(processes.booking);
    services.keep_running(processes.audit);
    services.keep_running(processes.eligibility);
    if let Some(insurer) = processes.insurer {
        services.keep_running(insurer);
    }
    if let Some(server) = processes.nats {
        nats.keep_running(server);
    }
    if let Some(server) = processes.postgres {
        postgres.keep_running(server);
    }
    let outcome = tokio::select! {
        () = stop.requested() => Ok(()),
        // The senders live in the tiers, so the channel is open.
        failure = failed.recv() => Err(failure.context("nothing is supervised")?),
    };
    screen.say("stopping; once more Ctrl-C stops it hard");
    // Nobody may write when the servers go, and nobody may ask for the database after NATS.
    for tier in [services, nats, postgres] {
        tier.stop().await?;
    }
    outcome
}

/// Processes that are stopped at the same time.
struct Tier {
    tasks: JoinSet<Result<(), ServerError>>,
    ask_to_stop: CancellationToken,
    screen: Screen,
    signals: StopSignals,
    failures: mpsc::UnboundedSender<anyhow::Error>,
}

impl Tier {
    fn new(
        screen: &Screen,
        signals: &StopSignals,
        failures: &mpsc::UnboundedSender<anyhow::Error>,
    ) -> Self {
        Self {
            tasks: JoinSet::new(),
            ask_to_stop: CancellationToken::new(),
            screen: screen.clone(),
            signals: signals.clone(),
            failures: failures.clone(),
        }
    }

    fn keep_running(&mut self, mut process: impl Supervised) {
        let (asked, signals) = (self.ask_to_stop.clone(), self.signals.clone());
        let (screen, failures) = (self.screen.clone(), self.failures.clone());
        let delays = RetryDelays::new(FIRST_PAUSE, LONGEST_PAUSE);
        self.tasks.spawn(async move {
            let failure = tokio::select! {
                biased;
                () = asked.cancelled() => None,
                failure = restart_when_it_ends(&mut process, &screen, delays) => Some(failure),
            };
            if let Some(failure) = failure {
                // Nobody listens any more when everything is being stopped already.
                let _ = failures.send(failure);
                asked.cancelled().await;
            }
            tokio::select! {
                stopped = process.stop() => return stopped,
                () = signals.insisted() => {}
            }
            process.stop_hard().await
        });
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        self.ask_to_stop.cancel();
        while let Some(stopped) = self.tasks.join_next().await {
            stopped.context("a supervising task panicked")??;
        }
        Ok(())
    }
}

/// Returns when starting again doesn't help any more. Cancel safe: a process that is being
/// started when this is dropped ends with it.
async fn restart_when_it_ends(
    process: &mut impl Supervised,
    screen: &Screen,
    mut delays: RetryDelays,
) -> anyhow::Error {
    let mut ends = 0;
    loop {
        let began = Instant::now();
        let how = match process.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => return error.into(),
        };
        if began.elapsed() > STABLE_AFTER {
            ends = 0;
            delays.reset();
        }
        ends += 1;
        let name = process.name();
        if ends == ENDS_IN_A_ROW {
            let tail = process.log_tail();
            return anyhow::anyhow!("{name} ended {ends} times in a row, now with {how}; {tail}");
        }
        let pause = delays.next_delay();
        let pause_s = pause.as_secs_f64();
        screen.say(&format!("{name} ended with {how}; starting it again in {pause_s:.1} s"));
        sleep(pause).await;
        match process.restart().await {
            Ok(()) => screen.say(&format!("{name} was started again")),
            Err(error) => screen.say(&format!("{name} can't be started again: {error}")),
        }
    }
}

impl Supervised for Service {
    fn name(&self) -> &'static str {
        Self::name(self)
    }

    fn log_tail(&self) -> String {
        Self::log_tail(self)
    }

    async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        Self::wait(self).await
    }

    async fn restart(&mut self) -> Result<(), ServerError> {
        Self::restart(self)
    }

    async fn stop(&mut self) -> Result<(), ServerError> {
        Self::stop(self).await
    }

    async fn stop_hard(&mut self) -> Result<(), ServerError> {
        Self::kill(self).await
    }
}

impl Supervised for PrivateNats {
    fn name(&self) -> &'static str {
        "nats-server"
    }

    fn log_tail(&self) -> String {
        format!("see {}", self.log_path().display())
    }

    async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        Self::wait(self).await
    }

    async fn restart(&mut self) -> Result<(), ServerError> {
        Self::restart(self).await
    }

    async fn stop(&mut self) -> Result<(), ServerError> {
        Self::stop(self).await
    }

    async fn stop_hard(&mut self) -> Result<(), ServerError> {
        Self::kill(self).await
    }
}

impl Supervised for PrivatePostgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn log_tail(&self) -> String {
        format!("see {}", self.log_path().display())
    }

    async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        Self::wait(self).await
    }

    async fn restart(&mut self) -> Result<(), ServerError> {
        Self::restart(self).await
    }

    async fn stop(&mut self) -> Result<(), ServerError> {
        Self::stop(self).await
    }

    /// Its fast shutdown is fast enough, and a killed one leaves processes for a moment.
    async fn stop_hard(&mut self) -> Result<(), ServerError> {
        Self::stop(self).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Ends as soon as it is started.
    struct Doomed {
        starts: u32,
    }

    impl Supervised for Doomed {
        fn name(&self) -> &'static str {
            "doomed"
        }

        fn log_tail(&self) -> String {
            "its last words".to_owned()
        }

        async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
            Ok(ExitStatus::from_raw(1 << 8))
        }

        async fn restart(&mut self) -> Result<(), ServerError> {
            self.starts += 1;
            Ok(())
        }

        async fn stop(&mut self) -> Result<(), ServerError> {
            Ok(())
        }

        async fn stop_hard(&mut self) -> Result<(), ServerError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn gives_up_on_what_ends_again_and_again() {
        let mut doomed = Doomed { starts: 0 };
        let delays = RetryDelays::new(Duration::from_micros(1), Duration::from_micros(1));
        let failure = restart_when_it_ends(&mut doomed, &Screen::new(), delays).await.to_string();
        assert_eq!(doomed.starts, ENDS_IN_A_ROW - 1);
        assert!(failure.contains("exit status: 1; its last words"), "{failure}");
    }
}
