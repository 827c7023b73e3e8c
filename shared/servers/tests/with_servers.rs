//! The suite's runner leaves nothing behind, however it ends.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use support::{is_running, open_home};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Says that it runs, and who runs it; then waits for its end.
const WAITING: &str = "echo started; exec sleep 600";

/// Starts the runner with `temporary` as the place for temporary folders.
fn start(temporary: &Path, script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_with-servers"))
        .args(["sh", "-c", script])
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn lines(runner: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(runner.stdout.take().unwrap()).lines()
}

/// The pids in the records of the suite whose folder is in `temporary`.
fn recorded_pids(temporary: &Path) -> Vec<u32> {
    let suite = fs::read_dir(temporary).unwrap().next().unwrap().unwrap().path();
    let records = fs::read_dir(suite.join("run")).unwrap();
    records
        .map(|record| {
            let name = record.unwrap().file_name().into_string().unwrap();
            name.split('.').nth(1).unwrap().parse().unwrap()
        })
        .collect()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn command_gets_servers_and_its_exit_code_is_passed_on() {
    let temporary = open_home();
    let mut runner = start(temporary.path(), "echo $MC_TEST_POSTGRES_URL; exit 7");
    let url = lines(&mut runner).next_line().await.unwrap().unwrap();
    assert!(url.starts_with("postgres://mediconnect:"), "{url}");
    assert_eq!(runner.wait().await.unwrap().code(), Some(7));
    assert!(is_empty(temporary.path()));
}

#[tokio::test]
async fn sigterm_ends_the_command_and_the_servers() {
    let temporary = open_home();
    let mut runner = start(temporary.path(), WAITING);
    assert_eq!(lines(&mut runner).next_line().await.unwrap().as_deref(), Some("started"));
    let pids = recorded_pids(temporary.path());
    assert_eq!(pids.len(), 1);

    let pid = Pid::from_raw(runner.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(runner.wait().await.unwrap().code(), Some(128 + 15));
    assert!(!is_running(pids[0]));
    assert!(is_empty(temporary.path()));
}

#[tokio::test]
async fn what_a_killed_suite_left_is_cleared_by_the_next() {
    let temporary = open_home();
    let mut killed = start(temporary.path(), "echo started; read -r nothing_ever_comes");
    assert_eq!(lines(&mut killed).next_line().await.unwrap().as_deref(), Some("started"));
    let pids = recorded_pids(temporary.path());
    killed.kill().await.unwrap();
    assert!(is_running(pids[0]), "it must outlive its parent");

    let mut next = start(temporary.path(), "true");
    assert!(next.wait().await.unwrap().success());
    assert!(!is_running(pids[0]));
    assert!(is_empty(temporary.path()));
}
