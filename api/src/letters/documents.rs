//! Letters as they are answered.

use domain::{CorrelationId, DeadLetterId, RequestId, Role, UserId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::reading::{LetterAction, LetterRow, LetterState};
use utoipa::ToSchema;

/// A message that no worker could settle. Says nothing of what was asked, or for whom.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LetterDocument {
    /// Which letter; stays when a replay of it dies again.
    #[schema(value_type = String, format = Uuid)]
    id: DeadLetterId,
    /// `open`, `replaying`, `resolved` or `discarded`.
    state: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// Which worker gave up.
    worker: String,
    /// What was asked, in a word.
    kind: String,
    /// The class of the error, a word.
    error_class: String,
    /// What happened, without values from the message.
    error_detail: String,
    /// Groups letters that failed alike.
    fingerprint: String,
    /// The request, when the message names one.
    #[schema(value_type = Option<String>, format = Uuid)]
    request_id: Option<RequestId>,
    /// Finds everything that belongs to the request.
    #[schema(value_type = Option<String>, format = Uuid)]
    correlation_id: Option<CorrelationId>,
    /// The stream that the message was in.
    origin_stream: String,
    /// Its position there.
    origin_sequence: Option<i64>,
    /// Position of the letter in `MC_DEAD`.
    dead_sequence: u64,
    /// How often the message was put into its stream: 1 without a replay.
    generation: i32,
    /// Tries in all.
    attempts: i64,
    /// When it failed first.
    #[schema(value_type = String, format = DateTime)]
    first_failure_at: Timestamp,
    /// When it failed last.
    #[schema(value_type = String, format = DateTime)]
    last_failure_at: Timestamp,
    /// How its request ended, once it has: `applied`, `rejected` or `withdrawn`.
    outcome: Option<String>,
    /// Position of the latest replay's message in its stream.
    replay_sequence: Option<i64>,
}

/// What somebody did with a letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LetterActionDocument {
    /// `unmask`, `replay` or `discard`.
    action: String,
    /// The generation that the letter had.
    generation: i32,
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    actor_id: UserId,
    /// In which role.
    #[schema(value_type = String)]
    actor_role: Role,
    /// Why.
    reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    acted_at: Timestamp,
}

/// A letter with its message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadLetterDocument {
    #[serde(flatten)]
    letter: LetterDocument,
    /// The message's body. Masked, it shows structure and types, and no value that says anything
    /// of a person. Absent when the bytes are gone.
    payload: Option<Value>,
    /// Whether it is masked.
    masked: bool,
    /// What was done with the letter, oldest first.
    actions: Vec<LetterActionDocument>,
}

impl ReadLetterDocument {
    /// A letter, its message, and what was done with it.
    pub fn new(
        letter: LetterRow,
        payload: Option<Value>,
        masked: bool,
        actions: Vec<LetterAction>,
    ) -> Self {
        let actions = actions.into_iter().map(LetterActionDocument::from).collect();
        Self { letter: letter.into(), payload, masked, actions }
    }
}

impl From<LetterRow> for LetterDocument {
    fn from(row: LetterRow) -> Self {
        Self {
            id: row.id,
            state: LetterState::as_str(row.state),
            changed_at: row.changed_at,
            worker: row.worker,
            kind: row.kind,
            error_class: row.error_class,
            error_detail: row.error_detail,
            fingerprint: row.fingerprint,
            request_id: row.request_id,
            correlation_id: row.correlation_id,
            origin_stream: row.origin_stream,
            origin_sequence: row.origin_sequence,
            dead_sequence: row.dead_sequence,
            generation: row.generation,
            attempts: row.attempts,
            first_failure_at: row.first_failure_at,
            last_failure_at: row.last_failure_at,
            outcome: row.outcome,
            replay_sequence: row.replay_sequence,
        }
    }
}

impl From<LetterAction> for LetterActionDocument {
    fn from(action: LetterAction) -> Self {
        Self {
            action: action.action,
            generation: action.generation,
            actor_id: action.actor_id,
            actor_role: action.actor_role,
            reason: action.reason,
            acted_at: action.acted_at,
        }
    }
}
