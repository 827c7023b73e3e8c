//! `mediconnect breaker replay`, as a script sees it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

const TRACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/resilience/tests/traces");

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn replay(arguments: &[&Path]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_mediconnect"))
        .args(["breaker", "replay"])
        .args(arguments)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn trace(name: &str) -> PathBuf {
    Path::new(TRACES).join(name).with_extension("json")
}

/// A trace, changed, in a file of its own.
fn changed(folder: &TempDir, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut value = serde_json::from_str(&fs::read_to_string(trace(name)).unwrap()).unwrap();
    change(&mut value);
    let path = folder.path().join("changed.json");
    fs::write(&path, value.to_string()).unwrap();
    path
}

#[test]
fn says_ok_per_file() {
    let ended = replay(&[&trace("the_first_failure_opens"), &trace("a_window_of_one_bucket")]);
    assert_eq!(ended.out, "ok the_first_failure_opens\nok a_window_of_one_bucket\n");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn names_the_earliest_difference() {
    let folder = TempDir::new().unwrap();
    let differing = changed(&folder, "the_first_failure_opens", |trace| {
        trace["expect"] = json!([
            {"at_ms": 10_121, "state": "open"},
            {"at_ms": 411, "state": "closed"},
        ]);
    });
    let ended = replay(&[&differing, &trace("a_window_of_one_bucket")]);
    assert_eq!(
        ended.out,
        "differs the_first_failure_opens: at 411 ms expected closed, got open\n\
         ok a_window_of_one_bucket\n"
    );
    assert_eq!(ended.code, Some(1));
}

#[test]
fn what_is_no_trace_is_another_error() {
    let folder = TempDir::new().unwrap();
    let strange = changed(&folder, "the_first_failure_opens", |trace| {
        trace["options"]["error_threshold_percent"] = json!(101);
    });
    let missing = folder.path().join("missing.json");
    let ended = replay(&[&strange, &missing, &trace("a_window_of_one_bucket")]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.out, "ok a_window_of_one_bucket\n", "the others are replayed");
    let told: Vec<_> = ended.err.lines().collect();
    assert!(told[0].ends_with(
        "changed.json: is no trace: options.error_threshold_percent: 101 is not a percentage from \
         0 to 100 with at most three decimals"
    ));
    assert!(told[1].contains("missing.json: can't be read: No such file"), "{}", ended.err);
}

#[test]
fn a_script_gets_every_difference() {
    let folder = TempDir::new().unwrap();
    let differing = changed(&folder, "the_first_failure_opens", |trace| {
        trace["calls"][0]["result"] = json!("timeout");
        trace["expect"][2]["state"] = json!("closed");
        trace.as_object_mut().unwrap().remove("name");
    });
    let missing = folder.path().join("missing.json");
    let ended = replay(&[Path::new("--json"), &differing, &missing, &trace("no_place_at_all")]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(2), ""));

    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["ok"], false);
    let files = &report["files"];
    assert_eq!(files[0]["verdict"], "differs");
    assert_eq!(files[0]["name"], "changed", "a trace without a name has its file's");
    assert_eq!(
        files[0]["differences"],
        json!([
            {"at_ms": 120, "subject": "call", "expected": "timeout", "got": "error"},
            {"at_ms": 121, "subject": "state", "expected": "closed", "got": "open"},
        ])
    );
    assert_eq!(files[1]["verdict"], "invalid");
    assert!(files[1]["error"].as_str().unwrap().starts_with("can't be read"));
    assert_eq!(files[2]["verdict"], "ok");
    assert_eq!(files[2]["name"], "no_place_at_all");
}
