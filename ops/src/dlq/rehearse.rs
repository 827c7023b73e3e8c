//! `mediconnect dlq rehearse`

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

use super::accepted;
use super::arguments::RehearseArguments;
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;
use crate::paint::{Paint, Tone};

#[derive(Deserialize)]
struct Rehearsal {
    verdict: String,
    outcome: Option<String>,
    reason: Option<String>,
    result: Option<Value>,
    writes: Vec<Writes>,
    error_class: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Writes {
    table: String,
    inserted: i64,
    updated: i64,
    deleted: i64,
}

/// Runs the command.
pub async fn run(
    maintainer: &mut Maintainer,
    arguments: &RehearseArguments,
) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/dead-letters/{}/rehearse", arguments.id);
    let answer = maintainer.ask(&Ask::post(Purpose::Operate, &path, &json!({}))).await?;
    let document: Value = accepted(answer)?.json()?;
    let rehearsal: Rehearsal = serde_json::from_value(document.clone())?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        show(&rehearsal)?;
    }
    let would_settle = rehearsal.verdict == "would_settle";
    Ok(if would_settle { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(rehearsal: &Rehearsal) -> anyhow::Result<()> {
    let paint = Paint::for_stdout();
    let outcome = rehearsal.outcome.as_deref().unwrap_or_default();
    let (tone, text) = match rehearsal.verdict.as_str() {
        "would_settle" if outcome == "rejected" => {
            let reason = rehearsal.reason.as_deref().unwrap_or("no reason");
            (Tone::Waiting, format!("it would be rejected: {reason}"))
        }
        "would_settle" => (Tone::Good, format!("it would be {outcome}")),
        "already_settled" => (Tone::Dim, format!("its request was {outcome} another way")),
        "superseded" => (Tone::Waiting, "a later request has taken its place".to_owned()),
        "would_fail" => {
            let class = rehearsal.error_class.as_deref().unwrap_or("an error");
            let detail = rehearsal.detail.as_deref().unwrap_or_default();
            (Tone::Bad, format!("it would fail again: {class}: {detail}"))
        }
        _ => {
            let detail = rehearsal.detail.as_deref().unwrap_or_default();
            (Tone::Waiting, format!("it was not rehearsed: {detail}"))
        }
    };
    println!("{}", paint.paint(tone, &text));
    for Writes { table, inserted, updated, deleted } in &rehearsal.writes {
        println!("  {table:<28} {inserted} added, {updated} changed, {deleted} removed");
    }
    if let Some(result) = &rehearsal.result {
        println!("{}", serde_json::to_string_pretty(result)?);
    }
    println!("{}", paint.paint(Tone::Dim, "everything was rolled back"));
    Ok(())
}
