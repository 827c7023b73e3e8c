//! The log a child process writes to.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::ServerError;

/// A log larger than this is set aside when its process starts; one older one is kept.
const ROTATE_ABOVE_BYTES: u64 = 16 * 1024 * 1024;

/// How much of a log's end is quoted in an error.
const TAIL_LINES: usize = 12;
const TAIL_BYTES: u64 = 8 * 1024;

/// One process's log, opened for appending, remembering where this run's part begins.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    begin: u64,
    file: File,
}

impl LogFile {
    /// Opens `folder/<name>.log`, makes the folder when needed, and sets a very long log aside.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn open(folder: &Path, name: &str) -> Result<Self, ServerError> {
        fs::create_dir_all(folder).map_err(ServerError::at("creating", folder))?;
        let path = folder.join(format!("{name}.log"));
        if fs::metadata(&path).is_ok_and(|log| log.len() > ROTATE_ABOVE_BYTES) {
            let older = folder.join(format!("{name}.log.1"));
            fs::rename(&path, &older).map_err(ServerError::at("setting aside", &path))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ServerError::at("opening", &path))?;
        let begin = file.metadata().map_err(ServerError::at("reading", &path))?.len();
        Ok(Self { path, begin, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle for a child's standard output or error.
    ///
    /// # Errors
    /// When the file descriptor can't be duplicated.
    pub fn stdio(&self) -> Result<Stdio, ServerError> {
        let file = self.file.try_clone().map_err(ServerError::at("opening", &self.path))?;
        Ok(Stdio::from(file))
    }

    /// The last lines written since it was opened, or a note that there are none.
    pub fn tail(&self) -> String {
        match read_end(&self.path, self.begin) {
            Ok(text) if text.trim().is_empty() => "(nothing was written)".to_owned(),
            Ok(text) => {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
            }
            Err(error) => format!("(it can't be read: {error})"),
        }
    }
}

fn read_end(path: &Path, begin: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let from = begin.max(file.metadata()?.len().saturating_sub(TAIL_BYTES));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn tail_quotes_this_run_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nats.log"), "an earlier run\n").unwrap();
        let mut log = LogFile::open(folder.path(), "nats").unwrap();
        assert_eq!(log.tail(), "(nothing was written)");
        for line in 1..=20 {
            writeln!(log.file, "line {line}").unwrap();
        }
        assert!(log.tail().starts_with("line 9\n"), "{}", log.tail());
        assert!(log.tail().ends_with("line 20"));
    }

    #[test]
    fn long_log_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.log");
        File::create(&path).unwrap().set_len(ROTATE_ABOVE_BYTES + 1).unwrap();
        let log = LogFile::open(folder.path(), "api").unwrap();
        assert_eq!(fs::metadata(log.path()).unwrap().len(), 0);
        assert!(folder.path().join("api.log.1").exists());
    }
}
