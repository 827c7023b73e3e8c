//! An orderly end: soft stop, hard stop, and no task that dies unnoticed.
//!
//! - **Soft stop**: take no new work, finish what is in hand. The first SIGTERM or SIGINT asks
//!   for it, and so does a task that panics or ends with an error.
//! - **Hard stop**: drop everything. A second signal asks for it, or the end of the grace.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// What tasks get after a hard stop to return by themselves before they are dropped.
const HARD_STOP_PATIENCE: Duration = Duration::from_secs(1);

/// The stop signals of a service and its tasks. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    /// Ends tasks that outlived the hard stop.
    abandon: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<OnceLock<TaskFailure>>,
}

/// The task that brought the service down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {task} failed: {reason}")]
pub struct TaskFailure {
    /// The name it was spawned with.
    pub task: &'static str,
    /// Its error with all causes, or "it panicked".
    pub reason: String,
}

/// What a task may end with: nothing, or a result whose error brings the service down.
pub trait TaskOutput: Send + 'static {
    /// The error with its causes, if there is one.
    fn into_failure(self) -> Option<String>;
}

impl TaskOutput for () {
    fn into_failure(self) -> Option<String> {
        None
    }
}

impl<E> TaskOutput for Result<(), E>
where
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn into_failure(self) -> Option<String> {
        self.err().map(|error| with_causes(error.into().as_ref()))
    }
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::trigger`] and failing tasks start. It has no grace: the
    /// hard stop comes from [`Shutdown::trigger_hard`] alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops softly on the first SIGTERM or SIGINT; hard on the second one, or when `grace` has
    /// passed since the soft stop, whatever caused it. Must be called within a Tokio runtime.
    pub fn on_signals(grace: Duration) -> std::io::Result<Self> {
        let signals = Signals::install()?;
        let shutdown = Self::new();
        tokio::spawn(shutdown.clone().follow(signals, grace));
        Ok(shutdown)
    }

    /// Starts the soft stop.
    pub fn trigger(&self) {
        self.soft.cancel();
    }

    /// Starts the hard stop (and the soft one, if it hasn't begun).
    pub fn trigger_hard(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Whether the soft stop has begun.
    pub fn is_soft_stopped(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Whether the hard stop has begun.
    pub fn is_hard_stopped(&self) -> bool {
        self.hard.is_cancelled()
    }

    /// Waits for the soft stop.
    pub async fn soft_stopped(&self) {
        self.soft.cancelled().await;
    }

    /// Waits for the hard stop.
    pub async fn hard_stopped(&self) {
        self.hard.cancelled().await;
    }

    /// Runs a task that [`Shutdown::wait`] waits for. When it panics or ends with an error,
    /// the whole service stops: no half-dead process goes on.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        self.tasks.spawn(self.clone().supervise(name, task));
    }

    /// As [`Shutdown::spawn`], but nobody waits for it: it may go on while the others finish,
    /// and is dropped once they have.
    pub fn spawn_in_background<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        tokio::spawn(self.clone().supervise(name, task));
    }

    /// Waits for the soft stop, then until all tasks have ended or the hard stop has cut them
    /// off, and says which task brought the service down, if one did.
    pub async fn wait(&self) -> Result<(), TaskFailure> {
        self.soft_stopped().await;
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = self.hard_stopped() => self.cut_off().await,
        }
        self.abandon.cancel();
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    async fn cut_off(&self) {
        if tokio::time::timeout(HARD_STOP_PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!(task.count = self.tasks.len(), "hard stop: dropping unfinished tasks");
        }
    }

    async fn supervise<F>(self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        // A task of its own, so that its panic is a value here.
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        let ended = tokio::select! {
            ended = task => ended,
            () = self.abandon.cancelled() => return,
        };
        let failure = match ended {
            Ok(output) => output.into_failure(),
            Err(error) if error.is_panic() => Some("it panicked".to_owned()),
            Err(_) => None,
        };
        if let Some(reason) = failure {
            self.fail(TaskFailure { task: name, reason });
        }
    }

    fn fail(&self, failure: TaskFailure) {
        tracing::error!(
            task.name = failure.task,
            error = failure.reason,
            "a task failed: stopping the service"
        );
        // Later failures are consequences of the first one; they are logged, not kept.
        let _ = self.failure.set(failure);
        self.trigger();
    }

    async fn follow(self, mut signals: Signals, grace: Duration) {
        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "soft stop"),
            () = self.soft_stopped() => {}
        }
        self.trigger();
        tokio::select! {
            name = signals.next() => tracing::warn!(signal = name, "hard stop: second signal"),
            () = tokio::time::sleep(grace) => {
                tracing::warn!(grace_ms = grace.as_millis() as u64, "hard stop: grace is over");
            }
            () = self.hard_stopped() => {}
        }
        self.trigger_hard();
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
