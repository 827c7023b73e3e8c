//! What a later run needn't do again: who was registered at which server, and which days the
//! file's days became.
//!
//! The file holds tokens and the secret that passwords come from, so only its owner may read it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::PractitionerId;
use serde::{Deserialize, Serialize};

use crate::client::sign_in::Registered;

/// Form of the state file; another one is refused.
const VERSION: u32 = 1;

/// Everything that is remembered of one file at one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// Sets this state's accounts and keys apart from those of every other.
    pub label: String,
    /// Every password is derived from it.
    pub secret: String,
    /// By how many weeks the file's days move in round 1.
    pub weeks: Option<i32>,
    /// The doctors that can be booked, by clinic.
    pub doctors: BTreeMap<u32, Vec<PractitionerId>>,
    /// The patients that are registered, by number.
    pub patients: BTreeMap<u32, Registered>,
}

impl State {
    /// Nothing is remembered yet.
    pub fn new() -> Self {
        let random: [u8; 20] = rand::random();
        let (label, secret) = random.split_at(4);
        Self {
            version: VERSION,
            label: super::hex(label),
            secret: super::hex(secret),
            weeks: None,
            doctors: BTreeMap::new(),
            patients: BTreeMap::new(),
        }
    }

    /// Reads the state; without a file there is nothing to remember.
    pub fn load(path: &Path) -> anyhow::Result<Option<Self>> {
        let json = match fs::read(path) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let state: Option<Self> = serde_json::from_slice(&json).ok();
        state.filter(|state| state.version == VERSION).map(Some).with_context(|| {
            format!(
                "{} is no state of this version of replay; delete it to prepare again",
                path.display()
            )
        })
    }

    /// Writes the state: all of it or nothing.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let save = || -> anyhow::Result<()> {
            create_private_folder_of(path)?;
            let unfinished = path.with_extension("json.new");
            let mut file = private_file().truncate(true).write(true).open(&unfinished)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            Ok(())
        };
        save().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Keeps a second replay from using the same accounts at the same time; as long as the file is
/// open.
pub fn lock(path: &Path) -> anyhow::Result<fs::File> {
    let path = path.with_extension("lock");
    let open = || -> std::io::Result<fs::File> {
        create_private_folder_of(&path)?;
        private_file().write(true).open(&path)
    };
    let file = open().with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => anyhow::bail!(
            "another replay uses {}; wait for it, or give this one a --state of its own",
            path.display()
        ),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Where the state of one file at one server is by default: beside what `mediconnect up` keeps.
pub fn default_path(folder: &Path, url: &reqwest::Url, fingerprint: &str) -> PathBuf {
    let host = url.host_str().unwrap_or("localhost").replace([':', '[', ']'], "_");
    let port = url.port_or_known_default().unwrap_or(80);
    folder.join("replay").join(format!("{host}-{port}-{fingerprint}.json"))
}

/// The folder of `path`, which nobody else may enter when it has to be made.
pub fn create_private_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
        }
        _ => Ok(()),
    }
}

/// Opens files that only their owner may read.
pub fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use domain::UserId;

    use super::*;
    use crate::client::sign_in::Tokens;

    fn sample() -> State {
        let tokens = Tokens {
            access: "an-access-token".into(),
            access_expires_at: "2026-11-22T10:00:00Z".parse().unwrap(),
            refresh: "a-refresh-token".into(),
        };
        State {
            weeks: Some(555),
            doctors: BTreeMap::from([(3, vec![UserId::generate().into()])]),
            patients: BTreeMap::from([(12, Registered { id: UserId::generate(), tokens })]),
            ..State::new()
        }
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/state.json");
        assert_eq!(State::load(&path).unwrap(), None);
        let state = sample();
        state.save(&path).unwrap();
        assert_eq!(State::load(&path).unwrap(), Some(state));
    }

    #[test]
    fn nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/state.json");
        sample().save(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for content in ["", "{}", "{\"version\":99}"] {
            fs::write(&path, content).unwrap();
            let error = State::load(&path).unwrap_err().to_string();
            assert!(error.contains("delete it"), "{error}");
        }
    }

    #[test]
    fn every_state_has_its_own_secrets_and_shows_none() {
        assert_ne!(State::new().secret, State::new().secret);
        let shown = format!("{:?}", sample().patients);
        assert!(!shown.contains("token\""), "{shown}");
        assert!(!shown.contains("an-access") && !shown.contains("a-refresh"), "{shown}");
    }

    #[test]
    fn only_one_run_at_a_time_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let first = lock(&path).unwrap();
        assert!(lock(&path).unwrap_err().to_string().contains("another replay"));
        drop(first);
        assert!(lock(&path).is_ok());
    }

    #[test]
    fn each_server_and_file_has_its_own_state() {
        let url = |text: &str| reqwest::Url::parse(text).unwrap();
        assert_eq!(
            default_path("kept".as_ref(), &url("http://127.0.0.1:8080"), "0a1b2c3d"),
            Path::new("kept/replay/127.0.0.1-8080-0a1b2c3d.json")
        );
        assert_eq!(
            default_path("kept".as_ref(), &url("https://[::1]/"), "0a1b2c3d"),
            Path::new("kept/replay/___1_-443-0a1b2c3d.json")
        );
    }
}
