//! A child process that is recorded, stopped in steps, and never forgotten.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::error::ServerError;
use crate::pidfd::PidFd;
use crate::registry::{Record, Registry};

/// After SIGKILL only the kernel is in the way (a disk that doesn't answer).
const KILL_WAIT: Duration = Duration::from_secs(5);

/// How long `Drop` waits after a stop signal, since nothing else can happen meanwhile.
const DROP_WAIT: Duration = Duration::from_millis(500);

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGINT: PostgreSQL's fast shutdown.
    Interrupt,
    /// SIGQUIT: PostgreSQL's immediate shutdown.
    Quit,
    /// SIGTERM: what everything else understands as a soft stop.
    Terminate,
}

impl From<StopSignal> for Signal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Interrupt => Signal::INT,
            StopSignal::Quit => Signal::QUIT,
            StopSignal::Terminate => Signal::TERM,
        }
    }
}

/// How a process is stopped: signals in order, each with the time it is given. SIGKILL follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StopPlan {
    steps: Vec<(StopSignal, Duration)>,
}

impl StopPlan {
    /// SIGTERM, then SIGKILL.
    pub fn terminate(wait: Duration) -> Self {
        Self { steps: vec![(StopSignal::Terminate, wait)] }
    }

    /// Signals in the given order, then SIGKILL.
    pub fn in_steps(steps: impl IntoIterator<Item = (StopSignal, Duration)>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// Carries the plan out on any process; `Ok(false)` when even SIGKILL didn't end it in time.
    pub(crate) async fn carry_out(&self, process: &PidFd) -> io::Result<bool> {
        for (signal, wait) in &self.steps {
            process.signal((*signal).into())?;
            if process.ended_within(*wait).await {
                return Ok(true);
            }
        }
        process.signal(Signal::KILL)?;
        Ok(process.ended_within(KILL_WAIT).await)
    }

    /// The firmest signal short of SIGKILL.
    fn last_signal(&self) -> Signal {
        self.steps.last().map_or(Signal::KILL, |(signal, _)| (*signal).into())
    }
}

/// A child process in a process group of its own, so that a terminal's Ctrl-C doesn't reach it
/// before its parent decides what to stop first.
#[derive(Debug)]
pub struct ManagedProcess {
    name: String,
    pid: i32,
    stop: StopPlan,
    pidfd: PidFd,
    child: Child,
    ended: Option<ExitStatus>,
    record: Option<Record>,
}

impl ManagedProcess {
    /// Starts a command and records it. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the program can't be started or recorded; nothing is left running then.
    pub fn spawn(
        registry: &Registry,
        name: &str,
        mut command: Command,
        stop: StopPlan,
    ) -> Result<Self, ServerError> {
        command.process_group(0).kill_on_drop(true);
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(ServerError::doing(format!("starting {program}")))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.expect("a child that wasn't waited for has a pid, and Linux's fit an i32");
        let pidfd = PidFd::open(pid)
            .and_then(|fd| fd.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(ServerError::doing(format!("watching {name}")))?;
        let record = registry
            .add(name, pid, &stop)
            .map_err(ServerError::doing(format!("recording {name}")))?;
        let name = name.to_owned();
        Ok(Self { name, pid, stop, pidfd, child, ended: None, record: Some(record) })
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id. Belongs to nobody else until the end was seen by one of the methods here.
    pub fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// The child's standard input, when the command asked for a pipe.
    pub(crate) fn take_stdin(&mut self) -> Option<tokio::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for its end, whoever causes it. Cancel safe.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub async fn wait(&mut self) -> Result<ExitStatus, ServerError> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        let status = self.child.wait().await.map_err(self.waiting())?;
        Ok(self.has_ended(status))
    }

    /// Its exit status if it has ended.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, ServerError> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait().map_err(self.waiting())?
        {
            self.has_ended(status);
        }
        Ok(self.ended)
    }

    /// Stops it as its plan says, and waits until it is gone.
    ///
    /// # Errors
    /// When it survives even SIGKILL.
    pub async fn stop(&mut self) -> Result<ExitStatus, ServerError> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let gone = self.stop.carry_out(&self.pidfd).await.map_err(self.waiting())?;
        self.reap(gone).await
    }

    /// SIGKILL, for fault tests and hard stops; waits until it is gone.
    ///
    /// # Errors
    /// When it survives that.
    pub async fn kill(&mut self) -> Result<ExitStatus, ServerError> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        self.pidfd.signal(Signal::KILL).map_err(self.waiting())?;
        let gone = self.pidfd.ended_within(KILL_WAIT).await;
        self.reap(gone).await
    }

    /// SIGSTOP, for fault tests.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn suspend(&self) -> Result<(), ServerError> {
        self.pidfd.signal(Signal::STOP).map_err(self.waiting())?;
        // Until then the signal is on its way, and the process at work.
        let id = Pid::from_raw(self.pid).map(WaitId::Pid);
        let Some(id) = id else { return Ok(()) };
        let stopped =
            waitid(id, WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        stopped.map(drop).map_err(io::Error::from).map_err(self.waiting())
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.pidfd.signal(Signal::CONT).map_err(self.waiting())
    }

    async fn reap(&mut self, gone: bool) -> Result<ExitStatus, ServerError> {
        if gone {
            return self.wait().await;
        }
        let reason = "it did not react to SIGKILL".to_owned();
        Err(ServerError::Survivor { name: self.name.clone(), pid: self.pid, reason })
    }

    fn has_ended(&mut self, status: ExitStatus) -> ExitStatus {
        self.ended = Some(status);
        self.record = None;
        status
    }

    fn waiting(&self) -> impl FnOnce(io::Error) -> ServerError + use<> {
        ServerError::doing(format!("waiting for {}", self.name))
    }
}

impl Drop for ManagedProcess {
    /// Best effort for a child that nobody stopped: its firmest stop signal, a short wait, SIGKILL.
    fn drop(&mut self) {
        if matches!(self.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = self.pidfd.signal(self.stop.last_signal());
        if !self.pidfd.ended_within_blocking(DROP_WAIT) {
            let _ = self.pidfd.signal(Signal::KILL);
            self.pidfd.ended_within_blocking(KILL_WAIT);
        }
        let _ = self.child.try_wait();
    }
}
