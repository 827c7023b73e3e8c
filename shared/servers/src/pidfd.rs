//! Signalling a process, and waiting for its end, without mistaking another one for it.
//!
//! A pidfd refers to one process for good; a pid may be given to another process once its owner
//! is gone.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, interval};

/// How often a process that was asked to end is looked at. (Tokio's registration of foreign file
/// descriptors is unsafe, so the pidfd is polled instead.)
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A handle on one process, its own child or not.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    /// `None` when no such process exists any more.
    pub fn open(pid: i32) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(pid) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self(fd))),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal; a process that is already gone is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.0, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the process has ended; `false` when it hasn't within the bound.
    pub async fn ended_within(&self, bound: Duration) -> bool {
        let give_up = Instant::now() + bound;
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            if self.ended_within_blocking(Duration::ZERO) {
                return true;
            }
            if Instant::now() >= give_up {
                return false;
            }
        }
    }

    /// The same where nothing can be awaited.
    pub fn ended_within_blocking(&self, bound: Duration) -> bool {
        let bound = Timespec::try_from(bound).ok();
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut fds, bound.as_ref()), Ok(ready) if ready > 0)
    }
}
