//! One `mediconnect up` per home at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ServerError;

/// Who holds a lock, as far as the holder has written it down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The holder's process id.
    pub pid: u32,
    /// Where it can be reached, once that is known.
    pub url: Option<String>,
}

/// A lock that the kernel releases when its holder ends, however it ends.
#[derive(Debug)]
pub struct UpLock {
    path: PathBuf,
    file: File,
}

impl UpLock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// When the lock file can't be opened or written.
    pub fn take(path: &Path) -> Result<Result<Self, LockHolder>, ServerError> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(ServerError::at("opening", path))?;
        match file.try_lock() {
            Ok(()) => {
                let mut lock = Self { path: path.to_owned(), file };
                lock.write(&LockHolder { pid: std::process::id(), url: None })?;
                Ok(Ok(lock))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(ServerError::at("reading", path))?;
                // Empty for a moment while the holder writes it.
                Ok(Err(serde_json::from_str(&text).unwrap_or_default()))
            }
            Err(TryLockError::Error(error)) => Err(ServerError::at("locking", path)(error)),
        }
    }

    /// Writes down where the holder can be reached.
    ///
    /// # Errors
    /// When the lock file can't be written.
    pub fn set_url(&mut self, url: &str) -> Result<(), ServerError> {
        self.write(&LockHolder { pid: std::process::id(), url: Some(url.to_owned()) })
    }

    fn write(&mut self, holder: &LockHolder) -> Result<(), ServerError> {
        let text = serde_json::to_vec(holder).expect("a pid and a URL are JSON");
        self.replace(&text).map_err(ServerError::at("writing", &self.path))
    }

    /// In place: a renamed file would be another one than the locked one.
    fn replace(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_taker_learns_pid_and_url_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("up.lock");
        let mut first = UpLock::take(&path).unwrap().unwrap();
        first.set_url("http://127.0.0.1:8080").unwrap();
        let holder = UpLock::take(&path).unwrap().unwrap_err();
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(holder.url.as_deref(), Some("http://127.0.0.1:8080"));
        drop(first);
        assert!(UpLock::take(&path).unwrap().is_ok());
    }
}
