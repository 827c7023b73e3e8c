//! The folder of one `mediconnect up`.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use servers::{PrivateNats, PrivatePostgres};

use crate::local::LocalFiles;

/// Everything that is kept between runs, below one folder.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    shown: PathBuf,
    pub files: LocalFiles,
}

impl Home {
    /// Opens a folder, and makes it when needed.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.canonicalize()?;
        let files = LocalFiles::new(&path);
        private_folder(&files.secrets())?;
        Ok(Self { path, shown: folder.to_owned(), files })
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, as it was given.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Held while this runs.
    pub fn lock(&self) -> PathBuf {
        self.path.join("up.lock")
    }

    /// The processes' logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Keys that sign access tokens.
    pub fn keys(&self) -> PathBuf {
        self.files.secrets().join("keys")
    }

    /// There once the small clinic was made in the private database.
    pub fn clinic_mark(&self) -> PathBuf {
        self.path.join("clinic-is-there")
    }

    /// Removes what says that everything is ready, and what is only true while it is.
    pub fn forget_readiness(&self) -> anyhow::Result<()> {
        remove_file(&self.files.up_json())?;
        remove_file(&self.files.ops_settings())
    }

    /// Removes a generated administrator that came to nothing.
    pub fn forget_administrator(&self) -> anyhow::Result<()> {
        remove_file(&self.files.administrator())
    }

    /// Removes data, passwords and keys. Tools and logs stay.
    pub fn start_over(&self) -> anyhow::Result<()> {
        PrivatePostgres::remove(&self.path)?;
        PrivateNats::remove(&self.path)?;
        remove_file(&self.clinic_mark())?;
        let secrets = self.files.secrets();
        fs::remove_dir_all(&secrets).with_context(|| format!("removing {}", secrets.display()))?;
        private_folder(&secrets)
    }
}

/// A folder that only its owner can enter.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("creating {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file that appears whole or not at all.
pub fn write_whole(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let write = || {
        let unfinished = path.with_extension("new");
        remove_file_if_there(&unfinished)?;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn remove_file(path: &Path) -> anyhow::Result<()> {
    remove_file_if_there(path).with_context(|| format!("removing {}", path.display()))
}

fn remove_file_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
