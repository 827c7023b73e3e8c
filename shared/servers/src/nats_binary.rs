//! Finding a usable nats-server.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::ServerError;
use crate::version::{self, Version};

/// Older servers accept scheduled messages, per-message TTL and atomic batches in silence and
/// then don't do them; 2.14 is the oldest that does all of it.
const OLDEST: Version = Version { major: 2, minor: 14 };

/// Names the program, before any other place.
const OVERRIDE: &str = "MC_NATS_SERVER";

/// Where `./dev` unpacks the pinned server, below the folder it is run in.
const TOOL: &str = ".mediconnect/tools/nats-server";

/// A nats-server program that is new enough.
#[derive(Clone, Debug)]
pub struct NatsBinary {
    path: PathBuf,
    version: Version,
}

impl NatsBinary {
    /// Looks at `MC_NATS_SERVER`, then at `.mediconnect/tools/nats-server` in this folder and
    /// those above it, then at the `PATH`.
    ///
    /// # Errors
    /// When there is none, or it is too old; the error says what to do.
    pub fn find() -> Result<Self, ServerError> {
        if let Some(path) = env::var_os(OVERRIDE).filter(|path| !path.is_empty()) {
            return Self::at(Path::new(&path));
        }
        match unpacked_tool().or_else(first_on_path) {
            Some(path) => Self::at(&path),
            None => Err(ServerError::Missing { what: "nats-server", advice: advice() }),
        }
    }

    /// The program at `path`.
    ///
    /// # Errors
    /// When it can't be run, or is too old.
    pub fn at(path: &Path) -> Result<Self, ServerError> {
        if !path.is_file() {
            let advice = format!("There is no file {}. {}", path.display(), advice());
            return Err(ServerError::Missing { what: "nats-server", advice });
        }
        let version = version::ask(path)?;
        if version < OLDEST {
            return Err(ServerError::TooOld {
                path: path.to_owned(),
                found: format!("nats-server {version}"),
                needed: format!("nats-server {OLDEST} or newer"),
                advice: advice(),
            });
        }
        Ok(Self { path: path.to_owned(), version })
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as `major.minor`.
    pub fn version(&self) -> String {
        self.version.to_string()
    }
}

fn advice() -> String {
    format!("`./dev up` fetches the right one; {OVERRIDE} names another (at least {OLDEST}).")
}

fn unpacked_tool() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(TOOL)).find(|path| path.is_file())
}

fn first_on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|path| path.is_file())
}
