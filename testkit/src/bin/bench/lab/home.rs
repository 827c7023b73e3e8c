//! The folder that a run works in.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use servers::{PrivatePostgres, UpLock, clear_orphans_below};

/// Beside the sources, because a temporary folder may lie in memory, where a sync costs nothing.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.mediconnect/bench");

/// An empty folder of this run's own. It goes with this value.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    _lock: UpLock,
}

impl Home {
    /// Makes it, and clears what a killed run has left.
    pub async fn open() -> anyhow::Result<Self> {
        fs::create_dir_all(FOLDER).with_context(|| format!("creating {FOLDER}"))?;
        let path = Path::new(FOLDER).canonicalize()?;
        let lock = match UpLock::take(&path.with_extension("lock"))? {
            Ok(lock) => lock,
            Err(holder) => bail!("a bench is running already, as process {}", holder.pid),
        };
        clear_orphans_below(&path).await?;
        remove(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            eprintln!("mediconnect-bench: {error:#}");
        }
    }
}

/// PostgreSQL's files may be kept elsewhere, of this run's as of the `up` that it measures.
fn remove(path: &Path) -> anyhow::Result<()> {
    PrivatePostgres::remove(&path.join("up"))?;
    PrivatePostgres::remove(path)?;
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
