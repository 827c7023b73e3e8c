//! `mediconnect dlq list`

use std::process::ExitCode;

use serde_json::{Value, json};

use super::accepted;
use super::arguments::{Filter, ListArguments};
use super::letter::{Group, Letter, List, age};
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;
use crate::paint::{Paint, Tone};

/// Entries of one page of the API.
const PAGE: usize = 200;

/// Runs the command.
pub async fn run(
    maintainer: &mut Maintainer,
    arguments: &ListArguments,
) -> anyhow::Result<ExitCode> {
    let (filter, state) = (arguments.filter.filter()?, arguments.state.word());
    let items = if arguments.groups {
        groups(maintainer, &filter, state).await?
    } else {
        letters(maintainer, &filter, state, arguments.limit.get().into()).await?
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "items": items }))?);
    } else if arguments.groups {
        show_groups(serde_json::from_value(Value::Array(items))?);
    } else {
        show(serde_json::from_value(Value::Array(items))?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Letters that failed alike.
pub async fn groups(
    maintainer: &mut Maintainer,
    filter: &Filter,
    state: Option<&str>,
) -> anyhow::Result<Vec<Value>> {
    let ask = Ask::get(Purpose::Operate, "/v1/dead-letters/groups");
    let answer = accepted(maintainer.ask(&filtered(ask, filter, state)).await?)?;
    Ok(answer.json::<List<Value>>()?.items)
}

async fn letters(
    maintainer: &mut Maintainer,
    filter: &Filter,
    state: Option<&str>,
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    let mut items: Vec<Value> = Vec::new();
    let mut cursor = None;
    while items.len() < limit {
        let page = PAGE.min(limit - items.len());
        let ask = Ask::get(Purpose::Operate, "/v1/dead-letters").query("limit", page);
        let ask = match cursor {
            Some(cursor) => ask.query("cursor", cursor),
            None => ask,
        };
        let answer = accepted(maintainer.ask(&filtered(ask, filter, state)).await?)?;
        items.extend(answer.json::<List<Value>>()?.items);
        cursor = answer.next_cursor();
        if cursor.is_none() {
            break;
        }
    }
    Ok(items)
}

fn filtered<'a>(ask: Ask<'a>, filter: &Filter, state: Option<&str>) -> Ask<'a> {
    [
        ("state", state.map(str::to_owned)),
        ("worker", filter.worker.clone()),
        ("error_class", filter.error_class.clone()),
        ("fingerprint", filter.fingerprint.clone()),
        ("correlation_id", filter.correlation_id.map(|id| id.to_string())),
        ("failed_before", filter.failed_before.map(|at| at.to_string())),
        ("failed_since", filter.failed_since.map(|at| at.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .fold(ask, |ask, (name, value)| ask.query(name, value))
}

fn show(letters: Vec<Letter>) {
    let paint = Paint::for_stdout();
    if letters.is_empty() {
        println!("no such letters");
        return;
    }
    let heading = format!(
        "{:<36}  {:<9}  {:>4}  {:<8}  {:<16}  {:>5}  {:<20}  WHAT HAPPENED",
        "LETTER", "STATE", "AGE", "WORKER", "KIND", "TRIES", "CLASS"
    );
    println!("{}", paint.paint(Tone::Strong, &heading));
    for letter in letters {
        println!(
            "{:<36}  {}  {:>4}  {:<8}  {:<16}  {:>5}  {:<20}  {}",
            letter.id.to_string(),
            paint.state(&letter.state, 9),
            age(letter.last_failure_at),
            letter.worker,
            letter.kind,
            letter.attempts,
            letter.error_class,
            paint.paint(Tone::Dim, &letter.error_detail),
        );
    }
}

fn show_groups(groups: Vec<Group>) {
    let paint = Paint::for_stdout();
    if groups.is_empty() {
        println!("no such letters");
        return;
    }
    let heading =
        format!("{:>7}  {:<32}  {:>4}  {:<20}  WHAT HAPPENED", "LETTERS", "GROUP", "LAST", "CLASS");
    println!("{}", paint.paint(Tone::Strong, &heading));
    for group in groups {
        println!(
            "{:>7}  {:<32}  {:>4}  {:<20}  {}",
            group.count,
            group.fingerprint,
            age(group.last_failure_at),
            format!("{}: {}", group.worker, group.error_class),
            paint.paint(Tone::Dim, &group.error_detail),
        );
    }
}
