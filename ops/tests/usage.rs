//! What a newcomer mistypes or leaves out, where nothing runs: a sentence that helps, and exit
//! code 2.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

const LETTER: &str = "01931f6e-2a77-7c41-9d05-8b6e3f10c2aa";

/// Runs in an empty folder, with nothing else in the environment.
fn said(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mediconnect"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn refused(arguments: &[&str], environment: &[(&str, &str)], texts: &[&str]) {
    let (code, said) = said(arguments, environment);
    assert_eq!(code, Some(2), "{arguments:?}: {said}");
    for text in texts {
        assert!(said.contains(text), "{arguments:?}: {text:?} is missing in: {said}");
    }
}

#[test]
fn half_a_login_is_nobody() {
    let both = ["MEDICONNECT_EMAIL", "MEDICONNECT_PASSWORD", "set both"];
    refused(&["dlq", "list"], &[("MEDICONNECT_EMAIL", "a@b.example")], &both);
    refused(&["dlq", "list"], &[("MEDICONNECT_PASSWORD", "secret")], &both);
}

#[test]
fn where_nothing_runs_that_is_said_first() {
    let starts = |arguments: &[&str], setting: &str| {
        let (code, said) = said(arguments, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with("mediconnect: nothing runs in .mediconnect: start `./dev up`"));
        assert!(said.contains(setting), "{said}");
    };
    starts(&["ledger"], "MC_DATABASE__OPS_URL");
    starts(&["audit", "verify"], "MC_DATABASE__AUDITOR_URL");
    starts(&["dlq", "list"], "MEDICONNECT_TOKEN");
}

#[test]
fn values_are_refused_in_words() {
    let whole = "expected a whole id";
    refused(&["dlq", "show", "4f0c"], &[], &[whole]);
    refused(&["dlq", "rehearse", "4f0c\u{2026}"], &[], &[whole]);
    let reason = "expected one line of 3 to 200 characters that says why";
    refused(&["dlq", "replay", "--all", "--reason", "xx"], &[], &[reason]);
    refused(&["dlq", "discard", LETTER, "--reason", ""], &[], &[reason]);
    refused(&["dlq", "list", "--limit", "100000"], &[], &["a whole number from 1 to 10000"]);
    refused(&["dlq", "list", "--older-than", "soon"], &[], &["a time span like 30m or 12h"]);
    refused(&["dlq", "list", "--correlation-id", "7"], &[], &["a UUID"]);
    refused(&["replay", "x.csv", "--days", "0"], &[], &["a whole number from 1 to 100000"]);
    refused(&["replay", "x.csv", "--day", "2016-13-77"], &[], &["a day like 2016-06-06"]);
}

#[test]
fn services_without_settings_say_which() {
    refused(&["api"], &[], &["MC_API__KEYS_DIR"]);
    refused(&["worker", "booking"], &[], &["MC_DATABASE__BOOKING_URL"]);
    refused(&["worker", "audit"], &[], &["MC_DATABASE__AUDIT_URL"]);
}

#[test]
fn a_cause_is_told_once() {
    let (code, said) = said(&["api", "--config", "/nowhere/mc.toml"], &[]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
}

#[test]
fn a_day_that_the_file_has_not_is_refused_with_those_it_has() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/data/synthetic.csv");
    let login = [("ADMIN_EMAIL", "a@b.example"), ("ADMIN_PASSWORD", "secret")];
    for day in ["1999-01-01", "2050-01-01"] {
        let days = "the days of this file go from 2001-03-01 to 2001-03-05";
        refused(&["replay", sample, "--day", day], &login, &[days]);
    }
}
