//! What the database knows of one correlation id, for operators: what happened and when, and
//! nothing of what was asked or for whom. Read as `mediconnect_ops`.

use domain::{CorrelationId, RequestId};
use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use uuid::Uuid;

use crate::StoreError;
use crate::pool::Pool;

/// Statements come one after the other.
const CONNECTIONS: u32 = 1;

/// Where a trace is read.
#[derive(Clone, Debug)]
pub struct TraceReader {
    pool: Pool,
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledRequest {
    /// Which.
    pub id: RequestId,
    /// `book`, `cancel`, …
    pub kind: String,
    /// `applied`, `rejected` or `withdrawn`.
    pub outcome: String,
    /// Why, when it was rejected.
    pub reason: Option<String>,
    /// Position in `MC_COMMANDS` of the message that was settled.
    pub stream_sequence: u64,
    /// When api accepted it.
    pub accepted_at: Timestamp,
    /// When its transaction was made.
    pub settled_at: Timestamp,
}

/// Tries of one message that failed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTries {
    /// Position in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// The class of the error; `started` for a try that never came to its end.
    pub error_class: String,
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

/// A fact that is committed and not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingFact {
    /// `appointment.booked`, …
    pub kind: String,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedStep {
    /// `MC_AUDIT`, or `MC_EVENTS` for a fact.
    pub stream: String,
    /// Position there.
    pub sequence: u64,
    /// What is recorded.
    pub kind: String,
    /// When it happened.
    pub recorded_at: Timestamp,
    /// What was done.
    pub operation: Option<String>,
    /// 0 for a success, 4 for a refusal, 8 for a failure.
    pub outcome: i16,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Of whoever did it.
    pub role: Option<String>,
    /// What it was done to.
    pub resource_kind: Option<String>,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedLetter {
    /// Which.
    pub id: Uuid,
    /// The worker that gave up.
    pub worker: String,
    /// Why.
    pub error_class: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it failed last.
    pub last_failure_at: Timestamp,
    /// `open`, `replaying`, `resolved` or `discarded`.
    pub state: String,
    /// Since when.
    pub changed_at: Timestamp,
}

/// What an operator did with a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterAction {
    /// Which letter.
    pub letter_id: Uuid,
    /// `unmask`, `replay` or `discard`.
    pub action: String,
    /// The operator's role.
    pub role: String,
    /// When.
    pub acted_at: Timestamp,
}

/// A question to an insurer, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCheck {
    /// Which.
    pub id: Uuid,
    /// Whether the insurer ever answered; never what it said.
    pub is_answered: bool,
    /// Why there is no newer answer, a word.
    pub error_class: Option<String>,
    /// Calls in a row without an answer.
    pub attempts: u32,
    /// When it came to be.
    pub created_at: Timestamp,
    /// Since when it stands as it does.
    pub changed_at: Timestamp,
}

fn at(timestamp: jiff_sqlx::Timestamp) -> Timestamp {
    timestamp.to_jiff()
}

impl TraceReader {
    /// Connects on first use.
    pub fn connect(url: &SecretString, settings: &DatabaseSettings) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::lazy(url, "mediconnect-trace", CONNECTIONS, settings)? })
    }

    /// Fails unless the database is there and has the schema that this program knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.pool.check_schema().await
    }

    /// What was audited, facts included, in the order in which it happened.
    pub async fn audited(&self, id: CorrelationId) -> Result<Vec<AuditedStep>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT stream, sequence, kind, recorded_at AS "recorded_at: jiff_sqlx::Timestamp",
                   operation, outcome, reason, role, resource_kind
               FROM audit_log WHERE correlation_id = $1 ORDER BY recorded_at, position"#,
            id.as_uuid(),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| AuditedStep {
                stream: row.stream,
                sequence: row.sequence.cast_unsigned(),
                kind: row.kind,
                recorded_at: at(row.recorded_at),
                operation: row.operation,
                outcome: row.outcome,
                reason: row.reason,
                role: row.role,
                resource_kind: row.resource_kind,
            })
            .collect())
    }

    /// Questions to insurers that followed.
    pub async fn checks(&self, id: CorrelationId) -> Result<Vec<TracedCheck>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT id, last_result_at IS NOT NULL AS "is_answered!", error_class, attempts,
                   created_at AS "created_at: jiff_sqlx::Timestamp",
                   changed_at AS "changed_at: jiff_sqlx::Timestamp"
               FROM eligibility_checks WHERE correlation_id = $1 ORDER BY id"#,
            id.as_uuid(),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| TracedCheck {
                id: row.id,
                is_answered: row.is_answered,
                error_class: row.error_class,
                attempts: row.attempts.cast_unsigned(),
                created_at: at(row.created_at),
                changed_at: at(row.changed_at),
            })
            .collect())
    }

    /// Up to which sequence the audit log has sealed the `MC_EVENTS` that was made then.
    pub async fn facts_sealed_to(&self, created_at: Timestamp) -> Result<u64, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let last = sqlx::query!(
            r#"SELECT events_to, events_created_at AS "created_at: jiff_sqlx::Timestamp"
               FROM audit_seals ORDER BY number DESC LIMIT 1"#
        )
        .fetch_optional(&mut *connection)
        .await?;
        let same = last.filter(|last| last.created_at.is_none_or(|at| at.to_jiff() == created_at));
        Ok(same.map_or(0, |last| last.events_to.cast_unsigned()))
    }

    /// Requests that were accepted between these times and have ended.
    pub async fn settled(
        &self,
        id: CorrelationId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SettledRequest>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT id, kind, outcome, reason, stream_sequence,
                   accepted_at AS "accepted_at: jiff_sqlx::Timestamp",
                   settled_at AS "settled_at: jiff_sqlx::Timestamp"
               FROM requests
               WHERE correlation_id = $1 AND accepted_at BETWEEN $2 AND $3
               ORDER BY settled_at"#,
            id.as_uuid(),
            jiff_sqlx::Timestamp::from(from) as _,
            jiff_sqlx::Timestamp::from(to) as _,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| SettledRequest {
                id: row.id.into(),
                kind: row.kind,
                outcome: row.outcome,
                reason: row.reason,
                stream_sequence: row.stream_sequence.cast_unsigned(),
                accepted_at: at(row.accepted_at),
                settled_at: at(row.settled_at),
            })
            .collect())
    }

    /// Tries of these messages that failed.
    pub async fn failed_tries(&self, sequences: &[u64]) -> Result<Vec<FailedTries>, StoreError> {
        let sequences: Vec<i64> = sequences.iter().map(|sequence| sequence.cast_signed()).collect();
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT stream_sequence, error_class, failures,
                   last_failure_at AS "last_failure_at: jiff_sqlx::Timestamp"
               FROM message_attempts WHERE stream_sequence = ANY ($1)"#,
            &sequences,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| FailedTries {
                stream_sequence: row.stream_sequence.cast_unsigned(),
                error_class: row.error_class,
                failures: row.failures.unsigned_abs(),
                last_at: at(row.last_failure_at),
            })
            .collect())
    }

    /// Facts that wait to be published.
    pub async fn waiting_facts(&self, id: CorrelationId) -> Result<Vec<WaitingFact>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT kind, created_at AS "created_at: jiff_sqlx::Timestamp"
               FROM outbox WHERE correlation_id = $1 ORDER BY position"#,
            id.as_uuid(),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| WaitingFact { kind: row.kind, created_at: at(row.created_at) })
            .collect())
    }

    /// Dead letters.
    pub async fn letters(&self, id: CorrelationId) -> Result<Vec<TracedLetter>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT id, worker, error_class, attempts,
                   last_failure_at AS "last_failure_at: jiff_sqlx::Timestamp",
                   state, changed_at AS "changed_at: jiff_sqlx::Timestamp"
               FROM dead_letters WHERE correlation_id = $1"#,
            id.as_uuid(),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| TracedLetter {
                id: row.id,
                worker: row.worker,
                error_class: row.error_class,
                attempts: row.attempts,
                last_failure_at: at(row.last_failure_at),
                state: row.state,
                changed_at: at(row.changed_at),
            })
            .collect())
    }

    /// What was done with these letters, under whichever correlation id.
    pub async fn letter_actions(&self, letters: &[Uuid]) -> Result<Vec<LetterAction>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT letter_id, action, actor_role,
                   acted_at AS "acted_at: jiff_sqlx::Timestamp"
               FROM dead_letter_actions WHERE letter_id = ANY ($1)"#,
            letters,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LetterAction {
                letter_id: row.letter_id,
                action: row.action,
                role: row.actor_role,
                acted_at: at(row.acted_at),
            })
            .collect())
    }
}
