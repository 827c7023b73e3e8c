//! This breaker does what recorded traces say.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use resilience::breaker::conformance::{Difference, Subject, Trace};
use serde_json::{Value, json};

/// Our own traces.
const TRACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces");

/// Traces of another breaker, which lie beside some checkouts.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/breaker-traces");

fn traces_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

fn replay(json: &str) -> Vec<Difference> {
    Trace::parse(json).unwrap().replay().unwrap()
}

fn assert_all_agree(files: &[PathBuf]) {
    for file in files {
        let differences = replay(&fs::read_to_string(file).unwrap());
        assert!(differences.is_empty(), "{}: {}", file.display(), differences[0]);
    }
}

#[test]
fn our_own_traces() {
    let files = traces_in(Path::new(TRACES));
    assert!(files.len() >= 19, "only {} traces in {TRACES}", files.len());
    assert_all_agree(&files);
}

#[test]
fn recorded_traces() {
    let files = traces_in(Path::new(RECORDED));
    if files.is_empty() {
        println!("skipped: there are no traces in {RECORDED}");
        return;
    }
    assert_all_agree(&files);
}

/// Every expectation of every trace counts: a trace with one of them changed must differ there.
#[test]
fn any_changed_expectation_differs() {
    for file in traces_in(Path::new(TRACES)) {
        let trace: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for list in ["expect", "calls", "transitions"] {
            for index in 0..trace[list].as_array().unwrap().len() {
                let (changed, expected) = with_another_expectation(&trace, list, index);
                let differences = replay(&changed.to_string());
                assert!(
                    differences.iter().any(|difference| difference.at_ms == expected),
                    "{}: {list}[{index}]: {differences:?}",
                    file.display()
                );
            }
        }
    }
}

fn with_another_expectation(trace: &Value, list: &str, index: usize) -> (Value, u64) {
    let mut changed = trace.clone();
    let entry = &mut changed[list][index];
    let at_ms = match list {
        "expect" => {
            entry["state"] = json!(if entry["state"] == "open" { "closed" } else { "open" });
            &entry["at_ms"]
        }
        "calls" => {
            entry["result"] = json!(if entry["result"] == "ok" { "error" } else { "ok" });
            &entry["done_at_ms"]
        }
        _ => {
            entry["to"] = json!(if entry["to"] == "closed" { "half_open" } else { "closed" });
            &entry["at_ms"]
        }
    };
    let at_ms = at_ms.as_u64().unwrap();
    (changed, at_ms)
}

fn one_failure() -> Value {
    let trace = fs::read_to_string(Path::new(TRACES).join("the_first_failure_opens.json")).unwrap();
    serde_json::from_str(&trace).unwrap()
}

#[test]
fn says_where_it_differs() {
    let mut trace = one_failure();
    trace["expect"][2] = json!({"at_ms": 411, "state": "closed"});
    trace["calls"][0]["done_at_ms"] = json!(130);
    let told: Vec<_> = replay(&trace.to_string()).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "at 120 ms expected error at 130 ms, got error at 120 ms",
            "at 411 ms expected closed, got open",
        ]
    );
}

#[test]
fn transitions_are_told_where_all_else_agrees() {
    let mut trace = one_failure();
    trace["transitions"][1]["at_ms"] = json!(10_119);
    let differences = replay(&trace.to_string());
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].subject, Subject::Transition);
    assert_eq!(
        differences[0].to_string(),
        "at 10119 ms expected open to half_open at 10119 ms, got open to half_open at 10120 ms"
    );

    trace["transitions"].as_array_mut().unwrap().truncate(1);
    assert_eq!(
        replay(&trace.to_string())[0].to_string(),
        "at 10120 ms expected no change, got open to half_open at 10120 ms"
    );
    trace.as_object_mut().unwrap().remove("transitions");
    assert!(replay(&trace.to_string()).is_empty());
}

#[test]
fn refuses_what_is_no_trace() {
    for (pointer, value, said) in [
        ("/options/slow_calls", json!(3), "options.slow_calls: unknown field `slow_calls`"),
        ("/steps/0/call/outcome", json!("late"), "steps[0].call.outcome: unknown variant `late`"),
        ("/steps/0/call/latency_ms", json!(-1), "steps[0].call.latency_ms: invalid value"),
        ("/steps/0/at_ms", json!(1.5), "steps[0].at_ms: invalid type"),
        ("/expect/1/state", json!("ajar"), "expect[1].state: unknown variant `ajar`"),
        ("/calls", json!([]), "there are 1 steps but 0 calls"),
        ("/calls/0/at_ms", json!(101), "calls[0] begins at 101 ms, but steps[0] at 100 ms"),
        ("/steps/0/call/latency_ms", json!(u64::MAX), "more than 2^53 ms"),
        ("/options/timeout_ms", json!(0), "null means no timeout"),
        ("/options/buckets", json!(0), "options: a window has 1 to 10000 buckets, not 0"),
        ("/options/rolling_window_ms", json!(9), "too short for 10 buckets"),
        ("/options/error_threshold_percent", json!(101), "101 is not a percentage"),
        ("/options/reset_timeout_ms", Value::Null, "options.reset_timeout_ms: invalid type: null"),
    ] {
        let mut trace = one_failure();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match trace.pointer_mut(parent).unwrap() {
            Value::Array(entries) => entries[key.parse::<usize>().unwrap()] = value,
            parent => parent[key] = value,
        }
        let error = Trace::parse(&trace.to_string()).unwrap_err().to_string();
        assert!(error.contains(said), "{pointer}: {error}");
    }
    let twice = format!("{} {{}}", one_failure());
    assert!(Trace::parse(&twice).unwrap_err().to_string().contains("after the trace"));
}

#[test]
fn the_largest_numbers_replay() {
    let mut trace = one_failure();
    trace["options"]["capacity"] = json!(u64::MAX);
    trace["options"]["reset_timeout_ms"] = json!(u64::MAX);
    trace["options"]["rolling_window_ms"] = json!(u64::MAX);
    trace["options"]["timeout_ms"] = json!(u64::MAX);
    trace["expect"] = json!([{"at_ms": 1_u64 << 53, "state": "open"}]);
    trace["transitions"] = json!([{"at_ms": 120, "from": "closed", "to": "open"}]);
    assert_eq!(replay(&trace.to_string()), []);
}
