//! From start to ready of everything on one machine.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use servers::{LogFile, ManagedProcess, Registry, StopPlan, free_loopback_port};
use tokio::process::Command;
use tokio::time::interval;

use crate::arguments::Arguments;
use crate::lab::{Lab, Memory, Who, mediconnect};
use crate::progress::step;
use crate::report::Section;

const TITLE: &str = "Start to ready";

/// The first start makes a database cluster and a small clinic.
const READY_BOUND: Duration = Duration::from_mins(2);

/// What an orderly end of everything gets.
const STOP_BOUND: Duration = Duration::from_mins(1);

/// How often readiness is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// After that a service that was just started has come to rest.
const REST: Duration = Duration::from_secs(1);

/// Starts it once to make everything, and then once a round.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let mut memory = Memory::default();
    let first_s = step("start: the first", start_once(lab, &mut Memory::default())).await?;
    let mut warm_s = Vec::new();
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        let title = format!("start {round}/{rounds}");
        warm_s.push(step(&title, start_once(lab, &mut memory)).await?);
    }
    let mut section = Section::new(TITLE);
    section.figure("first start, with an empty folder", "s", &[first_s]);
    section.figure("start with existing data", "s", &warm_s);
    for (name, mb) in memory.most_mb() {
        section.figure(format!("memory after the start: {name}"), "MB", &[mb]);
    }
    section.note(
        "`mediconnect up`: from the start of its process until PostgreSQL, nats-server, api and \
         worker are ready and it says so.",
    );
    Ok(section)
}

/// Starts and stops everything; how long it took to be ready, in seconds.
async fn start_once(lab: &Lab, memory: &mut Memory) -> anyhow::Result<f64> {
    let folder = lab.home().join("up");
    let log = LogFile::open(&lab.home().join("logs"), "up")?;
    let mut command = Command::new(mediconnect()?);
    command.arg("up").arg("--dir").arg(&folder).env_clear();
    command.args(["--port", &free_loopback_port()?.to_string()]);
    for name in ["PATH", "MC_NATS_SERVER", "MC_POSTGRES_BIN"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
    let registry = Registry::of_home(lab.home())?;
    let began = Instant::now();
    let plan = StopPlan::terminate(STOP_BOUND);
    let mut up = ManagedProcess::spawn(&registry, "up", command, plan)?;
    let processes = ready(&mut up, &folder, &log).await?;
    let took = began.elapsed();
    tokio::time::sleep(REST).await;
    memory.look(&processes);
    up.stop().await?;
    Ok(took.as_secs_f64())
}

/// The processes, once everything is ready.
async fn ready(up: &mut ManagedProcess, folder: &Path, log: &LogFile) -> anyhow::Result<[Who; 5]> {
    let give_up = Instant::now() + READY_BOUND;
    let mut looks = interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if folder.join("up.json").exists() {
            return processes(up.pid(), folder);
        }
        if let Some(status) = up.try_wait()? {
            bail!("mediconnect up ended with {status}: {}", log.tail());
        }
        if Instant::now() > give_up {
            bail!("mediconnect up was not ready in {READY_BOUND:?}: {}", log.tail());
        }
    }
}

/// From the names of the records in `run/`, `<name>.<pid>.json`.
fn processes(up: u32, folder: &Path) -> anyhow::Result<[Who; 5]> {
    let mut records = Vec::new();
    for record in std::fs::read_dir(folder.join("run"))? {
        records.push(record?.file_name().to_string_lossy().into_owned());
    }
    let pid = |name: &str| {
        let pid_of = |record: &String| record.strip_prefix(name)?.split('.').nth(1)?.parse().ok();
        records.iter().find_map(pid_of).with_context(|| format!("run/ has no record of {name}"))
    };
    Ok([
        Who::Process("up itself", up),
        Who::Process("api", pid("api")?),
        Who::Process("worker", pid("booking")?),
        Who::Postgres(pid("postgres")?),
        Who::Process("nats-server", pid("nats")?),
    ])
}
