//! Ending what an earlier run left behind when it was killed itself.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::ServerError;
use crate::pidfd::PidFd;
use crate::process::StopPlan;
use crate::registry::{Entry, ProcessIdentity};

/// Homes are at most this deep below the folder that is searched for them.
const SEARCH_DEPTH: u32 = 4;

/// A process of an earlier run that was found running, and ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The name it was started under.
    pub name: String,
    /// Its process id.
    pub pid: i32,
}

/// Ends every process recorded in a home that provably is the recorded one: same pid, same start
/// time in the same boot, same program. Politely first, and waits until each is gone.
///
/// The caller must hold the home's lock: a record may belong to a run that is alive.
///
/// # Errors
/// When one can't be ended.
pub async fn clear_orphans(home: &Path) -> Result<Vec<Orphan>, ServerError> {
    let mut records = read_records(&home.join("run"))?;
    // Last started, first stopped: services before the servers they talk to.
    records.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.identity.start_ticks));
    let mut ended = Vec::new();
    for (path, entry) in records {
        if end(&entry).await? {
            ended.push(Orphan { name: entry.name, pid: entry.identity.pid });
        }
        fs::remove_file(&path).map_err(ServerError::at("removing", &path))?;
    }
    Ok(ended)
}

/// The same for every home in or below a folder, for a test suite's end.
///
/// # Errors
/// When one process can't be ended.
pub async fn clear_orphans_below(folder: &Path) -> Result<Vec<Orphan>, ServerError> {
    let mut ended = Vec::new();
    let mut waiting = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if folder.join("run").is_dir() {
            ended.extend(clear_orphans(&folder).await?);
        }
        if depth < SEARCH_DEPTH {
            waiting.extend(subfolders(&folder).into_iter().map(|found| (found, depth + 1)));
        }
    }
    Ok(ended)
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn read_records(folder: &Path) -> Result<Vec<(PathBuf, Entry)>, ServerError> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ServerError::at("reading", folder)(error)),
    };
    let mut records = Vec::new();
    for entry in entries {
        let path = entry.map_err(ServerError::at("reading", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read(&path).map_err(ServerError::at("reading", &path))?;
        match serde_json::from_slice(&text) {
            Ok(record) => records.push((path, record)),
            // Records are renamed into place whole: this was never one of ours.
            Err(error) => tracing::warn!(path = %path.display(), %error, "not a process record"),
        }
    }
    Ok(records)
}

/// Ends a process that has no record, but was recognised in another way.
pub(crate) async fn end_unrecorded(
    name: &str,
    pid: i32,
    stop: StopPlan,
) -> Result<(), ServerError> {
    match ProcessIdentity::of(pid) {
        Ok(identity) => end(&Entry { name: name.to_owned(), identity, stop }).await.map(drop),
        Err(_) => Ok(()), // gone meanwhile
    }
}

/// `true` when it was running and now isn't.
async fn end(entry: &Entry) -> Result<bool, ServerError> {
    let survives = |reason: String| ServerError::Survivor {
        name: entry.name.clone(),
        pid: entry.identity.pid,
        reason,
    };
    // The handle comes first: what is verified afterwards can't be exchanged any more.
    let Some(process) =
        PidFd::open(entry.identity.pid).map_err(|error| survives(error.to_string()))?
    else {
        return Ok(false);
    };
    if !entry.identity.is_running().map_err(|error| survives(error.to_string()))? {
        return Ok(false);
    }
    match entry.stop.carry_out(&process).await {
        Ok(true) => Ok(true),
        Ok(false) => Err(survives("it did not react to SIGKILL".to_owned())),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(survives(
            "it belongs to another account, so stop it as that account, or as root".to_owned(),
        )),
        Err(error) => Err(survives(error.to_string())),
    }
}
