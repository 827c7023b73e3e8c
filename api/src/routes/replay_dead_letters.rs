//! `POST /v1/dead-letters/replay`

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use contracts::audit::StatedReason;
use domain::DeadLetterId;
use serde::{Deserialize, Serialize};
use store::reading::{LetterFilter, LetterPage, LetterState};
use tokio::time::{Instant, MissedTickBehavior, interval};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::Recorder;
use crate::extract::{Caller, Form, Maintainer};
use crate::letters::{FilterForm, ReplayOrder, Replayed};
use crate::problem::{Problem, ProblemType};

/// Letters that one request replays at most.
const MOST: usize = 100;

/// Time after which a request begins no further letter; its caller goes on with another request.
const TIME: Duration = Duration::from_secs(5);

/// Letters a second, unless it is said.
const RATE: NonZeroU32 = NonZeroU32::new(10).expect("ten isn't zero");

/// Which letters are tried again, and how fast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayManyForm {
    /// Why, in 3 to 200 characters.
    #[schema(value_type = String)]
    reason: StatedReason,
    /// These, at most 100. Either this or `filter`.
    #[schema(value_type = Option<Vec<String>>)]
    ids: Option<Vec<DeadLetterId>>,
    /// The open ones among these, oldest first. Either this or `ids`.
    filter: Option<FilterForm>,
    /// With `filter`: go on behind here; `next` of the answer before.
    after: Option<i64>,
    /// Letters a second at most, 1 to 1,000; 10 by default.
    #[schema(value_type = Option<u32>)]
    rate_per_s: Option<NonZeroU32>,
    /// Only look what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Stands for this decision: asking again with the same one replays nothing twice.
    #[schema(value_type = Option<String>, format = Uuid)]
    operation_id: Option<Uuid>,
}

/// What became of the letters that this request got to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedDocument {
    /// One entry per letter.
    items: Vec<ReplayedLetter>,
    /// With `filter`: where to go on; absent when nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// How many are left to be tried.
    remaining: u64,
}

/// What became of one letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedLetter {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    id: DeadLetterId,
    /// `replayed`, `would_replay` or `refused`.
    result: &'static str,
    /// Why it was refused: the last part of a problem's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Try several dead letters again, at a bounded rate. One request gets to at most 100 letters and
/// takes about five seconds; ask again with what `next` says, or with the ids that are missing.
/// Interrupted at any point, the same can be asked again: what was replayed is no longer open.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/replay",
    tag = "dead letters",
    request_body = ReplayManyForm,
    responses((status = OK, body = ReplayedDocument))
)]
pub async fn replay_dead_letters(
    State(app): State<App>,
    Maintainer(caller): Maintainer,
    recorder: Recorder,
    Form(form): Form<ReplayManyForm>,
) -> Result<Json<ReplayedDocument>, Problem> {
    let rate = form.rate_per_s.unwrap_or(RATE).get();
    if rate > 1_000 {
        return Err(invalid("/rate_per_s", "expected a number from 1 to 1000"));
    }
    let many = Many {
        app: &app,
        caller: &caller,
        recorder: &recorder,
        reason: &form.reason,
        dry_run: form.dry_run,
        operation: form.operation_id.unwrap_or_else(Uuid::now_v7),
        pause: Duration::from_secs(1) / rate,
    };
    let document = match (form.ids, form.filter) {
        (Some(ids), None) if (1..=MOST).contains(&ids.len()) => {
            let items = many.replay(&ids).await?;
            let remaining = (ids.len() - items.len()) as u64;
            ReplayedDocument { items, next: None, remaining }
        }
        (Some(_), None) => return Err(invalid("/ids", "expected 1 to 100 ids")),
        (None, Some(filter)) => {
            let filter = filter.in_state(Some(LetterState::Open))?;
            many.replay_found(&filter, form.after.unwrap_or(0)).await?
        }
        _ => return Err(invalid("", "expected either ids or filter")),
    };
    Ok(Json(document))
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    Problem::new(ProblemType::InvalidBody).at_pointer(pointer, detail)
}

struct Many<'a> {
    app: &'a App,
    caller: &'a Caller,
    recorder: &'a Recorder,
    reason: &'a StatedReason,
    dry_run: bool,
    operation: Uuid,
    pause: Duration,
}

impl Many<'_> {
    async fn replay_found(
        &self,
        filter: &LetterFilter,
        after: i64,
    ) -> Result<ReplayedDocument, Problem> {
        let mut reading = self.app.read_as(self.caller).await?;
        let page = LetterPage::After(after);
        let letters = reading.dead_letters(filter, page, MOST as i64).await?;
        // Not held while the letters are replayed, each in transactions of its own.
        drop(reading);
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let items = self.replay(&ids).await?;
        let Some(last) = items.len().checked_sub(1).and_then(|last| letters.get(last)) else {
            return Ok(ReplayedDocument { items, next: None, remaining: 0 });
        };
        let mut reading = self.app.read_as(self.caller).await?;
        let remaining = reading.count_dead_letters(filter, last.position).await?;
        let next = (remaining > 0).then_some(last.position);
        Ok(ReplayedDocument { items, next, remaining })
    }

    /// As many as there is time for. What can't be answered for one letter ends the request,
    /// unless others were done before: their answer counts.
    async fn replay(&self, ids: &[DeadLetterId]) -> Result<Vec<ReplayedLetter>, Problem> {
        let mut items = Vec::with_capacity(ids.len());
        let end = Instant::now() + TIME;
        let mut pace = interval(self.pause);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for id in ids {
            pace.tick().await;
            if Instant::now() >= end && !items.is_empty() {
                break;
            }
            let (operation, reason, dry_run) = (self.operation, self.reason, self.dry_run);
            let order = ReplayOrder { id: *id, operation, reason, dry_run };
            let item = match self.app.replay(self.caller, self.recorder, order).await {
                Ok(Replayed::Published) => ReplayedLetter::of(*id, "replayed"),
                Ok(Replayed::WouldBePublished) => ReplayedLetter::of(*id, "would_replay"),
                Err(problem) if problem.kind().status().is_server_error() => {
                    if items.is_empty() {
                        return Err(problem);
                    }
                    break;
                }
                Err(problem) => {
                    let document = problem.document(self.caller.correlation_id, None);
                    ReplayedLetter {
                        reason: Some(problem.kind().slug()),
                        detail: Some(document.detail),
                        ..ReplayedLetter::of(*id, "refused")
                    }
                }
            };
            items.push(item);
        }
        Ok(items)
    }
}

impl ReplayedLetter {
    fn of(id: DeadLetterId, result: &'static str) -> Self {
        Self { id, result, reason: None, detail: None }
    }
}
