//! Records of running children, so that what a killed parent left can be recognised later.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ServerError;
use crate::process::StopPlan;

/// The `run/` folder of a home: one file per running child.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The registry of a home folder; makes the folder when needed.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn of_home(home: &Path) -> Result<Self, ServerError> {
        let folder = home.join("run");
        fs::create_dir_all(&folder).map_err(ServerError::at("creating", &folder))?;
        Ok(Self { folder })
    }

    /// Records a child. Renamed into place, so that a reader never sees half a record.
    pub(crate) fn add(&self, name: &str, pid: i32, stop: &StopPlan) -> io::Result<Record> {
        let identity = ProcessIdentity::of(pid)?;
        let entry = Entry { name: name.to_owned(), identity, stop: stop.clone() };
        let path = self.folder.join(format!("{name}.{pid}.json"));
        let unfinished = path.with_extension("new");
        fs::write(&unfinished, serde_json::to_vec_pretty(&entry)?)?;
        fs::rename(&unfinished, &path)?;
        Ok(Record { path })
    }
}

/// A child's record; the file goes when this is dropped, which is after the child's end.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
}

impl Drop for Record {
    fn drop(&mut self) {
        // A record that stays names a process that is gone, and is cleared by the next run.
        let _ = fs::remove_file(&self.path);
    }
}

/// What a record says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub name: String,
    pub identity: ProcessIdentity,
    pub stop: StopPlan,
}

/// What tells a process from another that was later given the same pid.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    pub pid: i32,
    /// Since boot, in the kernel's clock ticks.
    pub start_ticks: u64,
    boot_id: String,
    /// Absent where the process belongs to an account that doesn't let us look.
    exe: Option<PathBuf>,
}

impl ProcessIdentity {
    pub fn of(pid: i32) -> io::Result<Self> {
        let stat = Stat::of(pid)?;
        Ok(Self { pid, start_ticks: stat.start_ticks, boot_id: boot_id()?, exe: exe_of(pid) })
    }

    /// Whether that very process still runs. A zombie has ended.
    pub fn is_running(&self) -> io::Result<bool> {
        if boot_id()? != self.boot_id {
            return Ok(false);
        }
        let stat = match Stat::of(self.pid) {
            Ok(stat) => stat,
            Err(error) if is_gone(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let same_exe = match (&self.exe, exe_of(self.pid)) {
            (Some(recorded), Some(current)) => *recorded == current,
            _ => true,
        };
        Ok(stat.start_ticks == self.start_ticks && stat.state != 'Z' && same_exe)
    }
}

/// ESRCH is what reading a file in `/proc` answers while its process goes away.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// The two fields of `/proc/<pid>/stat` that matter here.
struct Stat {
    state: char,
    start_ticks: u64,
}

impl Stat {
    fn of(pid: i32) -> io::Result<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&line).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat: {line}")))
    }

    /// The second field is the program's name in parentheses and may itself hold spaces and
    /// parentheses, so fields are counted after the last one.
    fn parse(line: &str) -> Option<Self> {
        let (_, after_name) = line.rsplit_once(')')?;
        let mut fields = after_name.split_whitespace();
        let state = fields.next()?.chars().next()?; // field 3
        let start_ticks = fields.nth(18)?.parse().ok()?; // field 22
        Some(Self { state, start_ticks })
    }
}

/// A rebuilt program shows as `path (deleted)`; it is still the same process.
fn exe_of(pid: i32) -> Option<PathBuf> {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let text = exe.to_str()?;
    Some(PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(text)))
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_a_name_with_spaces_and_parentheses() {
        let line = "42 (a) S (b) R 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.state, stat.start_ticks), ('R', 987_654));
    }

    #[test]
    fn own_process_is_recognised_and_one_with_another_start_is_not() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut identity = ProcessIdentity::of(pid).unwrap();
        assert!(identity.is_running().unwrap());
        identity.start_ticks += 1;
        assert!(!identity.is_running().unwrap());
    }

    #[test]
    fn process_of_an_earlier_boot_is_gone() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut identity = ProcessIdentity::of(pid).unwrap();
        "an earlier boot".clone_into(&mut identity.boot_id);
        assert!(!identity.is_running().unwrap());
    }
}
