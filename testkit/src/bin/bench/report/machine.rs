//! Where it ran, and what.

use std::fmt;
use std::fs;
use std::process::Command;

use domain::{Clock as _, SystemClock};
use serde::Serialize;

use crate::lab::Lab;

/// A machine and the versions on it.
#[derive(Debug, Serialize)]
pub struct Machine {
    date: String,
    commit: String,
    cores: usize,
    processor: String,
    memory_gib: f64,
    system: String,
    file_system: String,
    rustc: String,
    postgresql: String,
    nats_server: String,
}

impl Machine {
    /// Looks around.
    pub async fn look(lab: &Lab) -> anyhow::Result<Self> {
        let processor = value_in("/proc/cpuinfo", "model name");
        let memory_kib = value_in("/proc/meminfo", "MemTotal");
        let memory_kib: f64 = memory_kib.trim_end_matches(" kB").parse().unwrap_or(0.0);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            date: SystemClock.now().strftime("%Y-%m-%d").to_string(),
            commit: commit(),
            cores: std::thread::available_parallelism()?.get(),
            processor,
            memory_gib: memory_kib / 1024.0 / 1024.0,
            system: format!("Linux {}", kernel.trim()),
            file_system: file_system_of(lab.home()),
            rustc: said_by("rustc", &["--version"]),
            postgresql: lab.postgres_version().await?,
            nats_server: lab.nats_version().await?,
        })
    }

    /// As names and values.
    pub(super) fn rows(&self) -> [(&'static str, String); 10] {
        [
            ("date", self.date.clone()),
            ("commit", self.commit.clone()),
            ("cores", self.cores.to_string()),
            ("processor", self.processor.clone()),
            ("memory", format!("{:.1} GiB", self.memory_gib)),
            ("system", self.system.clone()),
            ("file system of the data", self.file_system.clone()),
            ("rustc", self.rustc.clone()),
            ("PostgreSQL", self.postgresql.clone()),
            ("nats-server", self.nats_server.clone()),
        ]
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, cores, processor, memory_gib, postgresql, nats_server, .. } = self;
        write!(
            f,
            "commit {commit}, {cores} × {processor}, {memory_gib:.1} GiB, PostgreSQL \
             {postgresql}, nats-server {nats_server}"
        )
    }
}

/// The value of the first line `name: value`.
fn value_in(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// The commit of the sources, and whether they have changed since.
fn commit() -> String {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let commit = said_by("git", &["-C", sources, "rev-parse", "--short=12", "HEAD"]);
    match said_by("git", &["-C", sources, "status", "--porcelain"]).as_str() {
        "" | "unknown" => commit,
        _ => format!("{commit}, with changes"),
    }
}

/// The file system that holds the data: on one in memory, a sync costs nothing.
fn file_system_of(folder: &std::path::Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let holding = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    holding.max_by_key(|(length, _)| *length).map_or("unknown", |(_, kind)| kind).to_owned()
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
