//! `mediconnect replay` against a running system: the invented file that the repository ships.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::System;
use tokio::process::Command;

const ROWS: u64 = 180;
/// One row asks for a day that was over when it asked.
const BOOKED: u64 = ROWS - 1;

fn replay(system: &System, more: &[&str]) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/synthetic.csv");
    let mut command = system.command(&["replay"]);
    command.arg(file).args(["--days", "3", "--json", "--url"]);
    command.arg(format!("http://{}", system.listen())).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

async fn finished(replay: &mut Command) -> anyhow::Result<Value> {
    let output = replay.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the replay ended with {}: {said}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn count(system: &System, sql: &str) -> anyhow::Result<u64> {
    Ok(system.database().await?.query_one(sql, &[]).await?.get::<_, i64>(0).unsigned_abs())
}

#[tokio::test]
async fn books_every_row_and_a_second_run_books_nothing_twice() -> anyhow::Result<()> {
    let system = System::start().await?;
    let first = finished(&mut replay(&system, &[])).await?;
    assert_eq!(first["rows"]["booked"], BOOKED, "{first:#}");
    assert_eq!(first["rows"]["refused"]["start_in_past"], 1);
    assert_eq!(first["rows"]["asked_before"], 0);
    assert_eq!(first["file"]["dirty_ages"], 3);
    assert_eq!(first["ledger"]["status"], "balanced", "{first:#}");
    assert_eq!(count(&system, "SELECT count(*) FROM appointments").await?, BOOKED);

    let second = finished(&mut replay(&system, &[])).await?;
    assert_eq!(second["days"], first["days"]);
    assert_eq!(second["rows"]["booked"], BOOKED);
    assert_eq!(second["rows"]["asked_before"], ROWS);
    assert_eq!(second["prepared"]["patients_registered"], 0);
    assert_eq!(second["prepared"]["doctors_made"], 0);
    assert_eq!(second["ledger"]["status"], "balanced", "{second:#}");
    assert_eq!(count(&system, "SELECT count(*) FROM appointments").await?, BOOKED);

    let another_round = finished(&mut replay(&system, &["--round", "2"])).await?;
    assert_eq!(another_round["rows"]["booked"], BOOKED);
    assert_eq!(count(&system, "SELECT count(*) FROM appointments").await?, 2 * BOOKED);
    Ok(())
}

#[tokio::test]
async fn finishes_what_is_under_way_on_ctrl_c_and_goes_on_in_a_later_run() -> anyhow::Result<()> {
    let system = System::start().await?;
    finished(&mut replay(&system, &["--seed"])).await?;
    // Three days in three minutes: there is no fear that it ends before it is stopped.
    let stopped = replay(&system, &["--speed", "1440", "--no-ledger"]).spawn()?;
    let bookings = "SELECT count(*) FROM requests WHERE kind LIKE '%book'";
    let has_begun = || async { Ok(count(&system, bookings).await? > 0) };
    system.wait_until("a row is booked", has_begun).await?;
    let pid = stopped.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    kill_process(pid.context("it runs")?, Signal::INT)?;

    let output = stopped.wait_with_output().await?;
    assert_eq!(output.status.code(), Some(1), "a stopped run is not a finished one");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| report["rows"][name].as_u64().context("a number");
    assert!(number("booked")? > 0 && number("unfinished")? > 0, "{report:#}");
    assert_eq!(report["rows"]["undecided"], serde_json::json!({}));
    assert_eq!(count(&system, "SELECT count(*) FROM appointments").await?, number("booked")?);

    let resumed = finished(&mut replay(&system, &[])).await?;
    assert_eq!(resumed["rows"]["booked"], BOOKED, "{resumed:#}");
    assert_eq!(resumed["ledger"]["status"], "balanced", "{resumed:#}");
    assert_eq!(count(&system, "SELECT count(*) FROM appointments").await?, BOOKED);
    Ok(())
}

#[tokio::test]
async fn is_slowed_down_by_429_and_loses_nothing() -> anyhow::Result<()> {
    let limits = [("MC_API__ANONYMOUS_PER_S", "20"), ("MC_API__ANONYMOUS_BURST", "5")];
    let system = System::start_with(&limits).await?;
    let report = finished(&mut replay(&system, &[])).await?;
    assert_eq!(report["rows"]["booked"], BOOKED, "{report:#}");
    assert_eq!(report["ledger"]["status"], "balanced");
    assert!(report["prepared"]["throttled"].as_u64() > Some(0), "{report:#}");
    Ok(())
}
