//! What a killed run leaves is found and ended by the next one, and nothing else is.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use servers::{NatsOptions, PrivateNats, PrivatePostgres, clear_orphans};
use support::{connect, is_running, nats, not_durable, open_home, postgres};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Names the home to the process that is going to be killed.
const HOLDER_HOME: &str = "ORPHANS_TEST_HOME";

/// Not a test of its own: this program started again by the tests below, to hold servers until
/// it is killed.
#[tokio::test]
async fn holder() {
    let Some(home) = env::var_os(HOLDER_HOME).map(PathBuf::from) else { return };
    let postgres = PrivatePostgres::start(&postgres(), &home, not_durable()).await.unwrap();
    let nats = PrivateNats::start(&nats(), &home, NatsOptions::default()).await.unwrap();
    println!("\nholding {} {}", postgres.pid(), nats.pid());
    std::future::pending::<()>().await;
}

/// Starts servers in another process and kills it; the servers go on. Returns their pids.
async fn abandon_servers(home: &std::path::Path) -> Vec<u32> {
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env(HOLDER_HOME, home)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let pids = loop {
        let line = lines.next_line().await.unwrap().expect("the holder ended early");
        if let Some((_, pids)) = line.split_once("holding ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    holder.kill().await.unwrap();
    pids
}

#[tokio::test]
async fn servers_of_a_killed_run_are_ended_services_first() {
    let home = open_home();
    let pids = abandon_servers(home.path()).await;
    assert!(pids.iter().all(|pid| is_running(*pid)), "they must outlive their parent");

    let ended = clear_orphans(home.path()).await.unwrap();
    let names: Vec<_> = ended.iter().map(|orphan| orphan.name.as_str()).collect();
    assert_eq!(names, ["nats", "postgres"]);
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    assert_eq!(clear_orphans(home.path()).await.unwrap(), []);

    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_without_a_record_is_ended_by_the_next_start() {
    let home = open_home();
    let pids = abandon_servers(home.path()).await;
    for record in fs::read_dir(home.path().join("run")).unwrap() {
        let path = record.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("postgres") {
            fs::remove_file(path).unwrap();
        }
    }
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    assert!(!is_running(pids[0]));
    connect(&server).await.batch_execute("SELECT 1").await.unwrap();
    server.stop().await.unwrap();
    clear_orphans(home.path()).await.unwrap();
}

#[tokio::test]
async fn process_with_a_recorded_pid_and_another_start_is_left_alone() {
    let home = open_home();
    let mut server =
        PrivateNats::start(&nats(), home.path(), NatsOptions::default()).await.unwrap();
    let record = fs::read_dir(home.path().join("run")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&record).unwrap();
    let changed = text.replacen("\"start_ticks\": ", "\"start_ticks\": 1", 1);
    assert_ne!(text, changed);
    fs::write(&record, changed).unwrap();

    assert_eq!(clear_orphans(home.path()).await.unwrap(), []);
    assert!(is_running(server.pid()));
    server.stop().await.unwrap();
}
