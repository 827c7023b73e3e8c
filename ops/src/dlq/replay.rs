//! `mediconnect dlq replay`

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Duration;

use domain::DeadLetterId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::accepted;
use super::arguments::{Filter, ReplayArguments};
use super::letter::Group;
use super::list;
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;
use crate::paint::{Paint, Tone};
use crate::progress::{self, Step};

const PATH: &str = "/v1/dead-letters/replay";

/// Letters that the API takes in one request.
const AT_ONCE: usize = 100;

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
struct Report {
    /// Stands for this run in the letters.
    operation_id: Uuid,
    dry_run: bool,
    replayed: u64,
    would_replay: u64,
    refused: Vec<Refused>,
}

/// A letter that was not replayed.
#[derive(Clone, Debug, Serialize)]
struct Refused {
    id: DeadLetterId,
    reason: String,
    detail: String,
}

#[derive(Deserialize)]
struct Part {
    items: Vec<Item>,
    next: Option<i64>,
}

#[derive(Deserialize)]
struct Item {
    id: DeadLetterId,
    result: String,
    reason: Option<String>,
    detail: Option<String>,
}

/// Runs the command.
pub async fn run(
    maintainer: &mut Maintainer,
    arguments: &ReplayArguments,
) -> anyhow::Result<ExitCode> {
    let filter = arguments.filter.filter()?;
    let total = match arguments.ids.len() {
        0 => count(maintainer, &filter).await?,
        given => given as u64,
    };
    let (operation_id, dry_run) = (Uuid::now_v7(), arguments.dry_run);
    let report = RefCell::new(Report { operation_id, dry_run, ..Report::default() });
    let run = Run { arguments, report: &report };
    let title = if arguments.dry_run { "looking" } else { "replaying" };
    let look = || report.borrow().step();
    let work = async {
        if arguments.ids.is_empty() {
            run.by_filter(maintainer, &filter).await
        } else {
            run.by_ids(maintainer).await
        }
    };
    let ended = progress::watch(title, total, look, work).await;
    let report = report.borrow();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&*report)?);
    } else {
        report.show();
    }
    // What was done before is told even when it couldn't be finished.
    ended?;
    let is_none = report.step().done == 0;
    if is_none {
        eprintln!(
            "mediconnect: no open letter matches; `mediconnect dlq list` shows those there are"
        );
    }
    Ok(if report.refused.is_empty() && !is_none { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn count(maintainer: &mut Maintainer, filter: &Filter) -> anyhow::Result<u64> {
    let groups = list::groups(maintainer, filter, Some("open")).await?;
    let groups: Vec<Group> = serde_json::from_value(Value::Array(groups))?;
    Ok(groups.iter().map(|group| group.count).sum())
}

struct Run<'a> {
    arguments: &'a ReplayArguments,
    report: &'a RefCell<Report>,
}

impl Run<'_> {
    async fn by_ids(&self, maintainer: &mut Maintainer) -> anyhow::Result<()> {
        let mut left = &self.arguments.ids[..];
        while !left.is_empty() {
            let chunk = &left[..left.len().min(AT_ONCE)];
            let part = self.part(maintainer, &json!({ "ids": chunk })).await?;
            anyhow::ensure!(!part.items.is_empty(), "the API got to none of the letters");
            left = &left[part.items.len().min(left.len())..];
            self.add(part.items);
            self.pause(!left.is_empty()).await;
        }
        Ok(())
    }

    async fn by_filter(&self, maintainer: &mut Maintainer, filter: &Filter) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let which = json!({ "filter": filter, "after": after });
            let part = self.part(maintainer, &which).await?;
            self.add(part.items);
            self.pause(part.next.is_some()).await;
            match part.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// The rate holds across requests, too.
    async fn pause(&self, goes_on: bool) {
        if goes_on {
            tokio::time::sleep(Duration::from_secs(1) / self.arguments.rate.get()).await;
        }
    }

    async fn part(&self, maintainer: &mut Maintainer, which: &Value) -> anyhow::Result<Part> {
        let mut body = json!({
            "reason": self.arguments.reason,
            "rate_per_s": self.arguments.rate,
            "dry_run": self.arguments.dry_run,
            "operation_id": self.report.borrow().operation_id,
        });
        if let (Some(body), Some(which)) = (body.as_object_mut(), which.as_object()) {
            body.extend(which.clone());
        }
        let answer = maintainer.ask(&Ask::post(Purpose::Operate, PATH, &body)).await?;
        accepted(answer)?.json()
    }

    fn add(&self, items: Vec<Item>) {
        let mut report = self.report.borrow_mut();
        for Item { id, result, reason, detail } in items {
            match result.as_str() {
                "replayed" => report.replayed += 1,
                "would_replay" => report.would_replay += 1,
                _ => report.refused.push(Refused {
                    id,
                    reason: reason.unwrap_or(result),
                    detail: detail.unwrap_or_default(),
                }),
            }
        }
    }
}

impl Report {
    fn step(&self) -> Step {
        let refused = self.refused.len() as u64;
        let note = format!("{refused} refused");
        Step { done: self.replayed + self.would_replay + refused, note }
    }

    fn show(&self) {
        let paint = Paint::for_stdout();
        for Refused { id, reason, detail } in &self.refused {
            println!("{}  {id}  {reason}: {detail}", paint.paint(Tone::Bad, "refused"));
        }
        let (count, done) = if self.dry_run {
            (self.would_replay, "would be replayed")
        } else {
            (self.replayed, "replayed")
        };
        let done = paint.paint(Tone::Good, &format!("{count} {done}"));
        println!("{done}, {} refused", self.refused.len());
    }
}
