//! What `--help` says is part of the product: a change of it is seen in review.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

fn help_of(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mediconnect"))
        .args(command)
        .arg("--help")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_of_every_command() {
    for command in [
        &[][..],
        &["up"],
        &["api"],
        &["worker"],
        &["insurer"],
        &["migrate"],
        &["probe"],
        &["admin", "create"],
        &["dlq"],
        &["dlq", "list"],
        &["dlq", "show"],
        &["dlq", "rehearse"],
        &["dlq", "replay"],
        &["dlq", "discard"],
        &["ledger"],
        &["trace"],
        &["replay"],
        &["audit", "verify"],
        &["breaker", "list"],
        &["breaker", "force"],
        &["breaker", "replay"],
    ] {
        let name = if command.is_empty() { "mediconnect".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(name, help_of(command));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [&["up", "--nonsense"][..], &[], &["worker"], &["up", "--port", "0"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_mediconnect")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
