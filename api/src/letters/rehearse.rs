//! What a worker says would become of a letter.

use std::time::Duration;

use bus::AskError;
use contracts::{Outcome, Rehearsal, Rehearse, TableWrites, masking, subjects};
use serde::Serialize;
use serde_json::Value;
use store::reading::LetterRow;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// How long a worker may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The only worker whose messages can be rehearsed so far.
const BOOKING: &str = "booking";

/// What would become of a letter if it were replayed now. Nothing was changed to find out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RehearsalDocument {
    /// `would_settle`, `already_settled`, `superseded`, `would_fail` or `not_rehearsed`.
    verdict: &'static str,
    /// `applied`, `rejected` or `withdrawn`: how its request would end, or has ended.
    outcome: Option<&'static str>,
    /// Why it would be rejected.
    reason: Option<&'static str>,
    /// What it would have done, masked.
    result: Option<Value>,
    /// Rows that were written, and rolled back.
    writes: Vec<WritesDocument>,
    /// The class of the error that it would meet.
    error_class: Option<String>,
    /// What it would meet, or why nobody tried.
    detail: Option<String>,
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WritesDocument {
    /// The table.
    table: String,
    /// Rows added.
    inserted: i64,
    /// Rows changed.
    updated: i64,
    /// Rows removed.
    deleted: i64,
}

impl App {
    /// Asks the worker that the letter belongs to.
    pub async fn rehearse(&self, letter: &LetterRow) -> Result<Rehearsal, Problem> {
        if letter.worker != BOOKING {
            return Err(Problem::new(ProblemType::LetterNotReplayable).with_detail(
                "it is a fact, not a request: what follows from it is found without it, so it \
                     can be discarded",
            ));
        }
        let question = Rehearse { dead_sequence: letter.dead_sequence };
        let answer = self.bus.ask(subjects::REHEARSE_BOOKING, &question, PATIENCE).await;
        match answer.map_err(unanswered)? {
            Rehearsal::Gone => Err(Problem::new(ProblemType::LetterNotReplayable)
                .with_detail("its bytes are no longer in MC_DEAD")),
            Rehearsal::Unavailable { detail } => {
                tracing::warn!(detail, "a worker couldn't rehearse");
                Err(Problem::new(ProblemType::Unavailable)
                    .with_detail("the worker couldn't rehearse: its database or NATS is away"))
            }
            rehearsal => Ok(rehearsal),
        }
    }
}

fn unanswered(error: AskError) -> Problem {
    tracing::warn!(%error, "no worker rehearsed");
    Problem::new(ProblemType::Unavailable)
        .with_detail("no booking worker answers: start one, then try again")
}

impl From<Rehearsal> for RehearsalDocument {
    fn from(rehearsal: Rehearsal) -> Self {
        let of = |verdict| Self {
            verdict,
            outcome: None,
            reason: None,
            result: None,
            writes: Vec::new(),
            error_class: None,
            detail: None,
        };
        match rehearsal {
            Rehearsal::WouldSettle { outcome, writes } => Self {
                writes: writes.into_iter().map(WritesDocument::from).collect(),
                ..of("would_settle").with(&outcome)
            },
            Rehearsal::AlreadySettled { outcome } => of("already_settled").with(&outcome),
            Rehearsal::Superseded => of("superseded"),
            Rehearsal::WouldFail { class, detail } => {
                Self { error_class: Some(class), detail: Some(detail), ..of("would_fail") }
            }
            Rehearsal::TooDangerous => Self {
                detail: Some(
                    "it ended workers before; a replay runs it alone and quarantines it again \
                     when it does"
                        .to_owned(),
                ),
                ..of("not_rehearsed")
            },
            // The two that `App::rehearse` answers with a problem.
            Rehearsal::Gone | Rehearsal::Unavailable { .. } => of("not_rehearsed"),
        }
    }
}

impl RehearsalDocument {
    fn with(self, outcome: &Outcome) -> Self {
        let result = outcome.result().and_then(|result| serde_json::to_value(result).ok());
        Self {
            outcome: Some(outcome.as_str()),
            reason: outcome.reason().map(contracts::Rejection::as_str),
            result: result.map(masking::masked_value),
            ..self
        }
    }
}

impl From<TableWrites> for WritesDocument {
    fn from(writes: TableWrites) -> Self {
        let TableWrites { table, inserted, updated, deleted } = writes;
        Self { table, inserted, updated, deleted }
    }
}
