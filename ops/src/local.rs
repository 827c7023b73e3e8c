//! What a running `mediconnect up` has written down for other commands on the same machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Url;
use rustix::process::{Pid, test_kill_process};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where `mediconnect up` keeps everything, unless it is told otherwise.
pub const DEFAULT_FOLDER: &str = ".mediconnect";

/// Says otherwise. `./dev` sets it to the checkout's folder, wherever it is called from.
pub const FOLDER_VARIABLE: &str = "MEDICONNECT_DIR";

/// Where the `mediconnect up` that is meant keeps everything.
pub fn folder() -> PathBuf {
    let told = env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty());
    told.map_or_else(|| DEFAULT_FOLDER.into(), PathBuf::from)
}

/// `up.json`: there while everything is ready, gone otherwise. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpJson {
    /// The supervisor. Its children are started again under other ids: `run/` has the current ones.
    pub pid: u32,
    /// The API.
    pub url: String,
    /// The API's documentation, for people.
    pub docs_url: String,
    /// Prometheus metrics of the API.
    pub api_metrics_url: String,
    /// Prometheus metrics of the booking worker.
    pub booking_metrics_url: String,
    /// Prometheus metrics of the audit worker.
    pub audit_metrics_url: String,
    /// Prometheus metrics of the eligibility worker.
    pub eligibility_metrics_url: String,
    /// The insurer simulator; absent when insurers are somewhere else.
    pub insurer_url: Option<String>,
    /// The private PostgreSQL; absent when `DATABASE_URL` was used.
    pub postgres: Option<ServerJson>,
    /// The private nats-server; absent when `NATS_URL` was used.
    pub nats: Option<ServerJson>,
    /// From start to ready.
    pub ready_s: f64,
}

/// A private server on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerJson {
    /// Its port.
    pub port: u16,
}

/// The administrator that `mediconnect up` generated.
#[derive(Clone, Debug, Deserialize)]
pub struct GeneratedAdministrator {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// The files of one `mediconnect up`.
#[derive(Clone, Debug)]
pub struct LocalFiles {
    folder: PathBuf,
}

impl LocalFiles {
    /// The files in a folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where readiness is told to programs.
    pub fn up_json(&self) -> PathBuf {
        self.folder.join("up.json")
    }

    /// Where passwords and keys are; for its owner's eyes only.
    pub fn secrets(&self) -> PathBuf {
        self.folder.join("secrets")
    }

    /// The generated administrator.
    pub fn administrator(&self) -> PathBuf {
        self.secrets().join("administrator.json")
    }

    /// Settings for operators' commands while everything runs, in the form of `--config`.
    pub fn ops_settings(&self) -> PathBuf {
        self.secrets().join("ops.toml")
    }

    /// What a running `up` says of itself; nothing when none is ready.
    pub fn read_up_json(&self) -> Option<UpJson> {
        serde_json::from_slice(&fs::read(self.up_json()).ok()?).ok()
    }

    /// The URL of the `mediconnect up` that is running here; a file that one left behind says
    /// nothing.
    pub fn running_url(&self) -> Option<Url> {
        let up = self.read_up_json()?;
        let pid = Pid::from_raw(up.pid.try_into().ok()?)?;
        test_kill_process(pid).ok()?;
        up.url.parse().ok()
    }

    /// What to say when nothing runs here, and nobody says where else.
    pub fn nothing_runs(&self) -> String {
        let folder = self.folder.display();
        format!("nothing runs in {folder}: start `./dev up` (or `mediconnect up`) and ask again")
    }

    /// The generated administrator, if there is one.
    pub fn read_administrator(&self) -> Option<GeneratedAdministrator> {
        serde_json::from_slice(&fs::read(self.administrator()).ok()?).ok()
    }
}
