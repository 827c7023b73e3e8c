//! `mediconnect up` as its user knows it: real processes, real servers, real signals.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use servers::{
    NatsBinary, NatsOptions, PostgresBinaries, PostgresOptions, PrivateNats, PrivatePostgres,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A folder for `--dir` that PostgreSQL's account can enter when the tests run as root.
fn folder() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// The program with nothing in its environment that somebody may have set for his own servers.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediconnect"));
    for name in ["DATABASE_URL", "NATS_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD"] {
        command.env_remove(name);
    }
    // Room on the disk for what the streams may hold is needed by all tests at a time.
    for stream in ["COMMANDS", "EVENTS", "AUDIT", "DEAD"] {
        command.env(format!("MC_NATS__{stream}_MAX_BYTES"), (64 << 20).to_string());
    }
    command.args(["up", "--dir"]).arg(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs until it ends by itself. Gives the exit code and what it said on standard error.
async fn refusal(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// One `mediconnect up` that is ready.
struct Up {
    child: Child,
    folder: PathBuf,
    summary: String,
    said: Lines<BufReader<ChildStderr>>,
    // Held open: a closed one would be a broken pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Up {
    async fn ready(folder: &TempDir) -> Self {
        Self::ready_with(command(folder.path()), folder.path()).await
    }

    async fn ready_with(mut command: Command, folder: &Path) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut summary = String::new();
        while let Some(line) = stdout.next_line().await.unwrap() {
            summary += &line;
            summary.push('\n');
            if line.starts_with("Ctrl-C") {
                let folder = folder.to_owned();
                return Self { child, folder, summary, said, _stdout: stdout };
            }
        }
        panic!("it ended before it was ready: {}", rest(&mut said).await);
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.join("up.json")).unwrap()).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.json()["url"].as_str().unwrap())
    }

    fn administrator(&self) -> Value {
        let path = self.folder.join("secrets/administrator.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// The pid of one of its processes, as recorded now.
    fn pid_of(&self, name: &str) -> u32 {
        let mut records = fs::read_dir(self.folder.join("run")).unwrap();
        let pid = records.find_map(|record| {
            let record = record.unwrap().file_name().into_string().unwrap();
            record.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".json")?.parse().ok()
        });
        pid.unwrap_or_else(|| panic!("there is no record of {name}"))
    }

    /// The pids of all its processes.
    fn pids(&self) -> Vec<u32> {
        recorded_pids(&self.folder)
    }

    /// Reads what it says until a line contains the text.
    async fn says(&mut self, text: &str) -> String {
        let mut all = String::new();
        while let Some(line) = self.said.next_line().await.unwrap() {
            all += &line;
            all.push('\n');
            if line.contains(text) {
                return all;
            }
        }
        panic!("it never said {text:?}, but:\n{all}");
    }

    fn signal(&self, signal: Signal) {
        send(self.child.id().unwrap(), signal);
    }

    async fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().await.unwrap()
    }
}

async fn rest<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    let mut text = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        text += &line;
        text.push('\n');
    }
    text
}

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// The pids in the names of the records, `<name>.<pid>.json`.
fn recorded_pids(folder: &Path) -> Vec<u32> {
    let records = fs::read_dir(folder.join("run")).unwrap();
    records
        .map(|record| {
            let name = record.unwrap().file_name().into_string().unwrap();
            name.split('.').nth(1).unwrap().parse().unwrap()
        })
        .collect()
}

fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

fn client() -> reqwest::Client {
    // Twice is no error: whoever was first installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn sign_in(up: &Up) -> Value {
    let administrator = up.administrator();
    let answer = client().post(up.url("/v1/auth/login")).json(&administrator).send().await;
    answer.unwrap().error_for_status().unwrap().json().await.unwrap()
}

#[tokio::test]
async fn is_ready_with_a_clinic_keeps_it_and_leaves_nothing_running() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    let administrator = up.administrator();
    let (email, password) = (&administrator["email"], &administrator["password"]);
    let limits = "limits: development (";
    for text in ["ready in ", limits, email.as_str().unwrap(), password.as_str().unwrap()] {
        assert!(up.summary.contains(text), "{text} is missing in:\n{}", up.summary);
    }
    let signed_in = sign_in(&up).await;
    let token = signed_in["access_token"].as_str().unwrap();
    let doctors = client().get(up.url("/v1/doctors")).bearer_auth(token).send().await.unwrap();
    let doctors: Value = doctors.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(doctors["items"].as_array().unwrap().len(), 3, "{doctors}");

    let pids = up.pids();
    assert_eq!(pids.len(), 7);
    assert!(up.end(Signal::TERM).await.success());
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    assert!(!folder.path().join("up.json").exists());
    assert!(!folder.path().join("secrets/ops.toml").exists());

    let mut again = Up::ready(&folder).await;
    assert!(!again.summary.contains(password.as_str().unwrap()), "shown a second time");
    assert_eq!(again.administrator(), administrator);
    sign_in(&again).await;
    assert!(again.end(Signal::INT).await.success());
}

#[tokio::test]
async fn second_one_beside_it_learns_where_the_first_is() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    let (code, said) = refusal(&mut command(folder.path())).await;
    assert_eq!(code, Some(1));
    assert!(said.contains(&up.child.id().unwrap().to_string()), "{said}");
    assert!(said.contains(&up.url("")), "{said}");
    assert!(up.end(Signal::TERM).await.success());
}

#[tokio::test]
async fn what_a_killed_one_left_is_cleared_by_the_next() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    let pids = up.pids();
    up.end(Signal::KILL).await;
    assert!(pids.iter().all(|pid| is_running(*pid)), "they must outlive it");

    let mut next = Up::ready(&folder).await;
    next.says("ended what an earlier run had left").await;
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    sign_in(&next).await;
    assert!(next.end(Signal::TERM).await.success());
}

#[tokio::test]
async fn killed_processes_are_started_again() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    for (record, name) in [
        ("booking", "booking"),
        ("audit", "audit"),
        ("eligibility", "eligibility"),
        ("insurer", "insurer"),
        ("api", "api"),
        ("nats", "nats-server"),
        ("postgres", "PostgreSQL"),
    ] {
        send(up.pid_of(record), Signal::KILL);
        up.says(&format!("{name} was started again")).await;
    }
    let pids = up.pids();
    assert_eq!(pids.len(), 7);
    assert!(up.end(Signal::TERM).await.success());
    assert!(!pids.iter().any(|pid| is_running(*pid)));
}

#[tokio::test]
async fn stopped_while_it_starts_leaves_nothing_running() {
    let folder = folder();
    let mut child = command(folder.path()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    while !said.next_line().await.unwrap().unwrap().contains("schema: ") {}
    let pids = recorded_pids(folder.path());
    assert!(pids.len() >= 2);
    send(child.id().unwrap(), Signal::INT);
    let _ = rest(&mut said).await;
    child.wait().await.unwrap();
    assert!(!pids.iter().any(|pid| is_running(*pid)));
}

#[tokio::test]
async fn second_signal_ends_even_what_hangs() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    let pids = up.pids();
    send(up.pid_of("api"), Signal::STOP);
    up.signal(Signal::INT);
    up.says("stopping").await;
    // Far sooner than the grace that a service has.
    let ended = tokio::time::timeout(Duration::from_secs(5), up.end(Signal::INT)).await;
    assert!(ended.unwrap().success());
    assert!(!pids.iter().any(|pid| is_running(*pid)));
}

#[tokio::test]
async fn fresh_starts_over() {
    let folder = folder();
    let mut up = Up::ready(&folder).await;
    let administrator = up.administrator();
    assert!(up.end(Signal::TERM).await.success());

    let mut fresh = command(folder.path());
    fresh.arg("--fresh");
    let mut up = Up::ready_with(fresh, folder.path()).await;
    assert_ne!(up.administrator(), administrator);
    sign_in(&up).await;
    assert!(up.end(Signal::TERM).await.success());
}

#[tokio::test]
async fn servers_that_exist_are_used_and_left_running() {
    let (servers, folder) = (folder(), folder());
    let options = PostgresOptions { durable: false, ..PostgresOptions::default() };
    let binaries = PostgresBinaries::find().unwrap();
    let mut postgres = PrivatePostgres::start(&binaries, servers.path(), options).await.unwrap();
    let options = NatsOptions { sync_always: false, ..NatsOptions::default() };
    let mut nats =
        PrivateNats::start(&NatsBinary::find().unwrap(), servers.path(), options).await.unwrap();
    let administrator = json!({
        "email": "front.desk@hospital.example",
        "password": "seven red bicycles in the rain",
    });

    let mut with_servers = command(folder.path());
    with_servers.env("DATABASE_URL", postgres.owner_url("mediconnect").expose_secret());
    with_servers.env("NATS_URL", nats.url());
    with_servers.env("ADMIN_EMAIL", administrator["email"].as_str().unwrap());
    with_servers.env("ADMIN_PASSWORD", administrator["password"].as_str().unwrap());
    let mut up = Up::ready_with(with_servers, folder.path()).await;
    assert_eq!(up.pids().len(), 4);
    let answer = client().post(up.url("/v1/auth/login")).json(&administrator).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert!(up.end(Signal::TERM).await.success());
    assert!(is_running(postgres.pid()) && is_running(nats.pid()));

    // From elsewhere, nobody can know the administrator's password, and it says so.
    let elsewhere = self::folder();
    let mut with_servers = command(elsewhere.path());
    with_servers.env("DATABASE_URL", postgres.owner_url("mediconnect").expose_secret());
    with_servers.env("NATS_URL", nats.url());
    let mut up = Up::ready_with(with_servers, elsewhere.path()).await;
    assert!(up.summary.contains("password is not known here"), "{}", up.summary);
    assert!(!elsewhere.path().join("secrets/administrator.json").exists());
    assert!(up.end(Signal::TERM).await.success());
    nats.stop().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn nats_without_jetstream_is_refused_with_advice() {
    let folder = folder();
    let port = servers::free_loopback_port().unwrap().to_string();
    let mut nats = Command::new(NatsBinary::find().unwrap().path());
    nats.args(["--addr", "127.0.0.1", "--port", &port]).stderr(Stdio::null());
    let mut nats = nats.kill_on_drop(true).spawn().unwrap();
    // It is asked until it answers.
    let url = format!("nats://127.0.0.1:{port}");
    let (code, said) = refusal(command(folder.path()).env("NATS_URL", url)).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("start nats-server with -js"), "{said}");
    nats.kill().await.unwrap();
}

#[tokio::test]
async fn what_cant_be_used_is_refused_with_advice() {
    let folder = folder();
    let old_nats = folder.path().join("nats-server");
    fs::write(&old_nats, "#!/bin/sh\necho 'nats-server: v2.9.10'\n").unwrap();
    fs::set_permissions(&old_nats, Permissions::from_mode(0o755)).unwrap();
    let old_nats = old_nats.to_str().unwrap();
    let closed_port = servers::free_loopback_port().unwrap();
    let nowhere = format!("postgres://nobody@127.0.0.1:{closed_port}/nothing");
    for (name, value, code, advice) in [
        ("MC_NATS_SERVER", old_nats, 1, "needs nats-server 2.14"),
        ("MC_POSTGRES_BIN", "/nowhere", 1, "apt-get install postgresql"),
        ("DATABASE_URL", nowhere.as_str(), 1, "correct or unset it"),
        ("DATABASE_URL", "mysql://nobody@127.0.0.1/nothing", 2, "postgres://"),
        ("NATS_URL", "http://127.0.0.1:4222", 2, "nats://"),
        ("MC_API__LISTNE", "127.0.0.1:1", 2, "MC_API__LISTEN"),
        ("ADMIN_EMAIL", "front.desk@hospital.example", 2, "ADMIN_PASSWORD"),
    ] {
        let (found, said) = refusal(command(folder.path()).env(name, value)).await;
        assert_eq!(found, Some(code), "{name}: {said}");
        assert!(said.contains(advice), "{name}: {said}");
        assert!(!said.contains("panicked"), "{name}: {said}");
    }
}
