//! `mediconnect dlq show`

use std::process::ExitCode;

use serde_json::{Value, json};

use super::accepted;
use super::arguments::ShowArguments;
use super::letter::{Letter, ReadLetter, age};
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;
use crate::paint::{Paint, Tone};

/// Runs the command.
pub async fn run(
    maintainer: &mut Maintainer,
    arguments: &ShowArguments,
) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/dead-letters/{}", arguments.id);
    let answer = if let Some(reason) = arguments.reason.as_ref().filter(|_| arguments.unmask) {
        let path = format!("{path}/unmask");
        maintainer.ask(&Ask::post(Purpose::Operate, &path, &json!({ "reason": reason }))).await?
    } else {
        maintainer.ask(&Ask::get(Purpose::Operate, &path)).await?
    };
    let document: Value = accepted(answer)?.json()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        show(&serde_json::from_value(document)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(read: &ReadLetter) -> anyhow::Result<()> {
    let paint = Paint::for_stdout();
    let line = |name: &str, value: &str| println!("{name:<16}  {value}");
    let optional = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let Letter { id, state, worker, kind, error_class, error_detail, .. } = &read.letter;
    let letter = &read.letter;
    line("letter", &paint.paint(Tone::Strong, &id.to_string()));
    let ended = letter.outcome.as_ref().map(|outcome| format!(": its request was {outcome}"));
    let since = format!("{} since {}", ended.unwrap_or_default(), age(letter.changed_at));
    line("state", &format!("{}{since}", paint.state(state, 0)));
    line("worker", worker);
    line("kind", kind);
    line("error class", error_class);
    line("what happened", error_detail);
    line("group", &letter.fingerprint);
    let tries = format!("{} (generation {})", letter.attempts, letter.generation);
    line("tries", &tries);
    line("first failure", &letter.first_failure_at.to_string());
    line("last failure", &letter.last_failure_at.to_string());
    line("request", &optional(letter.request_id.map(|id| id.to_string())));
    line("correlation id", &optional(letter.correlation_id.map(|id| id.to_string())));
    let sequence = letter.origin_sequence.map_or_else(String::new, |it| format!(" {it}"));
    line("came from", &format!("{}{sequence}", letter.origin_stream));
    line("lies at", &format!("MC_DEAD {}", letter.dead_sequence));
    for action in &read.actions {
        let who = format!("{} {}", action.actor_role, action.actor_id);
        let done = format!("{} {} by {who}: {}", action.acted_at, action.deed, action.reason);
        line("done", &format!("{done} (generation {})", action.generation));
    }
    match &read.payload {
        Some(payload) => {
            println!("\n{}", if read.masked { "message, masked" } else { "message" });
            println!("{}", serde_json::to_string_pretty(payload)?);
        }
        None => println!("\nthe bytes of the message are gone"),
    }
    Ok(())
}
