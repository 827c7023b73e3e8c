//! What can go wrong with a server, each as a sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a server can't be found, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No program of that name where it is looked for.
    #[error("{what} was not found. {advice}")]
    Missing {
        /// The program.
        what: &'static str,
        /// What to do about it.
        advice: String,
    },

    /// The program is there, but not usable.
    #[error("{path} is {found}, and MediConnect needs {needed}. {advice}")]
    TooOld {
        /// The program that was asked.
        path: PathBuf,
        /// The version it reported.
        found: String,
        /// The oldest version that will do.
        needed: String,
        /// What to do about it.
        advice: String,
    },

    /// The program doesn't answer `--version` in a way that can be read.
    #[error("{path} --version did not report a version: {answer}")]
    UnknownVersion {
        /// The program that was asked.
        path: PathBuf,
        /// What it said.
        answer: String,
    },

    /// The server ended, or didn't become ready in time.
    #[error("{name} did not start: {reason}. Last lines of {log}:\n{tail}")]
    Start {
        /// The server.
        name: String,
        /// What was seen.
        reason: String,
        /// Where its log is.
        log: PathBuf,
        /// The end of that log.
        tail: String,
    },

    /// A process that must go away is still there.
    #[error("{name} (pid {pid}) could not be ended: {reason}")]
    Survivor {
        /// The process's name in the registry.
        name: String,
        /// Its process id.
        pid: i32,
        /// What stood in the way.
        reason: String,
    },

    /// The data belongs to an account this process can't act for.
    #[error("{0}")]
    Ownership(String),

    /// An operation on a file or a process failed.
    #[error("{doing}: {reason}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        reason: io::Error,
    },
}

impl ServerError {
    /// An I/O error, with what was being done to which path.
    pub(crate) fn at(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |reason| Self::Io { doing, reason }
    }

    /// An I/O error, with what was being done.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |reason| Self::Io { doing, reason }
    }
}
