//! What was asked for each row, written down before it is sent.
//!
//! A key makes a request safe to repeat only when the body is the same again. So a run that was
//! interrupted, even by `kill -9`, or that is simply started a second time, must ask for the same
//! slot under the same key: then the server answers what it answered before, and nothing is
//! booked twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use domain::PractitionerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{create_private_folder_of, private_file};

/// One booking that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The calendar it belongs to: the same row on other days is another request.
    pub weeks: i32,
    /// The row's line.
    pub line: u64,
    /// Which try of this row, counted from 0; each has a key of its own.
    pub number: u32,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// When.
    pub start: Timestamp,
}

/// The attempts of earlier runs, and a file for those of this one.
#[derive(Debug)]
pub struct Journal {
    file: Mutex<File>,
    earlier: HashMap<u64, Attempt>,
}

impl Journal {
    /// Opens the journal beside a state file and reads the last attempt of each row of this
    /// calendar.
    pub fn open(state_path: &Path, weeks: i32) -> anyhow::Result<Self> {
        let path = path_beside(state_path);
        let open = || -> anyhow::Result<Self> {
            create_private_folder_of(&path)?;
            let written = match std::fs::read_to_string(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                read => read?,
            };
            let mut file = private_file().append(true).open(&path)?;
            // A line that was cut off was never sent: the write comes first. It must not run into
            // the next one.
            if !written.is_empty() && !written.ends_with('\n') {
                file.write_all(b"\n")?;
            }
            let attempts = written.lines().filter_map(|line| serde_json::from_str(line).ok());
            let earlier = attempts
                .filter(|attempt: &Attempt| attempt.weeks == weeks)
                .map(|attempt| (attempt.line, attempt))
                .collect();
            Ok(Self { file: Mutex::new(file), earlier })
        };
        open().with_context(|| format!("cannot use {}", path.display()))
    }

    /// Forgets everything: the server was started over.
    pub fn forget(state_path: &Path) -> anyhow::Result<()> {
        let path = path_beside(state_path);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The last attempt that an earlier run made for a row.
    pub fn earlier_attempt(&self, line: u64) -> Option<Attempt> {
        self.earlier.get(&line).copied()
    }

    /// Writes an attempt down. It may be sent afterwards, not before.
    pub fn write(&self, attempt: &Attempt) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(attempt)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).context("cannot write the journal of attempts")
    }
}

fn path_beside(state_path: &Path) -> PathBuf {
    state_path.with_extension("attempts.jsonl")
}

#[cfg(test)]
mod tests {
    use domain::UserId;

    use super::*;

    fn attempt(weeks: i32, line: u64, number: u32) -> Attempt {
        let start = "2026-12-01T12:00:00Z".parse().unwrap();
        Attempt { weeks, line, number, practitioner_id: UserId::generate().into(), start }
    }

    #[test]
    fn remembers_the_last_attempt_of_each_row_of_its_calendar() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let journal = Journal::open(&state, 500).unwrap();
        let (first, second, other) = (attempt(500, 2, 0), attempt(500, 2, 1), attempt(506, 2, 0));
        for attempt in [first, second, other] {
            journal.write(&attempt).unwrap();
        }
        assert_eq!(journal.earlier_attempt(2), None, "this run's attempts are not earlier ones");

        let journal = Journal::open(&state, 500).unwrap();
        assert_eq!(journal.earlier_attempt(2), Some(second));
        assert_eq!(journal.earlier_attempt(3), None);
        assert_eq!(Journal::open(&state, 506).unwrap().earlier_attempt(2), Some(other));
    }

    #[test]
    fn survives_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let (first, second) = (attempt(500, 2, 0), attempt(500, 3, 0));
        let whole = serde_json::to_string(&first).unwrap();
        let cut = &whole[..whole.len() / 2];
        std::fs::write(path_beside(&state), format!("{whole}\n{cut}")).unwrap();

        Journal::open(&state, 500).unwrap().write(&second).unwrap();
        let journal = Journal::open(&state, 500).unwrap();
        assert_eq!(journal.earlier_attempt(2), Some(first));
        assert_eq!(journal.earlier_attempt(3), Some(second));
    }

    #[test]
    fn forgets_when_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        Journal::forget(&state).unwrap();
        Journal::open(&state, 500).unwrap().write(&attempt(500, 2, 0)).unwrap();
        Journal::forget(&state).unwrap();
        assert_eq!(Journal::open(&state, 500).unwrap().earlier_attempt(2), None);
    }
}
