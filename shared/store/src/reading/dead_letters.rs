//! Table `dead_letters`, for operators and administrators; nobody else sees any.

use domain::{CorrelationId, DeadLetterId, RequestId, Role, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// Nobody has dealt with it.
    Open,
    /// Its message is in the stream again.
    Replaying,
    /// Its request has ended.
    Resolved,
    /// Somebody decided that it isn't tried again.
    Discarded,
}

impl LetterState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Replaying, Self::Resolved, Self::Discarded];

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replaying => "replaying",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A dead letter, without what was asked.
#[derive(Clone, Debug)]
pub struct LetterRow {
    /// Which letter.
    pub id: DeadLetterId,
    /// Its place in lists.
    pub position: i64,
    /// Position of its latest copy in `MC_DEAD`.
    pub dead_sequence: u64,
    /// Which worker gave up.
    pub worker: String,
    /// What was asked.
    pub kind: String,
    /// The request, when the message names one.
    pub request_id: Option<RequestId>,
    /// Its correlation id, when the message names one.
    pub correlation_id: Option<CorrelationId>,
    /// Where the message was.
    pub origin_stream: String,
    /// Its position there.
    pub origin_sequence: Option<i64>,
    /// A word.
    pub error_class: String,
    /// What happened.
    pub error_detail: String,
    /// Groups letters that failed alike.
    pub fingerprint: String,
    /// How often the message was put into its stream.
    pub generation: i32,
    /// Tries in all.
    pub attempts: i64,
    /// When the message failed first.
    pub first_failure_at: Timestamp,
    /// When it failed last.
    pub last_failure_at: Timestamp,
    /// Where it stands.
    pub state: LetterState,
    /// Since when.
    pub changed_at: Timestamp,
    /// How its request ended.
    pub outcome: Option<String>,
    /// The latest replay.
    pub replay_operation: Option<Uuid>,
    /// Where its message is since.
    pub replay_sequence: Option<i64>,
}

/// Which letters.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    /// In this state.
    pub state: Option<LetterState>,
    /// Of this worker.
    pub worker: Option<String>,
    /// With this class of error.
    pub error_class: Option<String>,
    /// Of this group.
    pub fingerprint: Option<String>,
    /// Of this correlation id.
    pub correlation_id: Option<CorrelationId>,
    /// That failed last before then.
    pub failed_before: Option<Timestamp>,
    /// That failed last then or later.
    pub failed_since: Option<Timestamp>,
}

/// Which part of a list of letters, in the order in which they became known.
#[derive(Clone, Copy, Debug)]
pub enum LetterPage {
    /// The newest first, those before this position.
    Before(Option<i64>),
    /// The oldest first, those after this position.
    After(i64),
}

/// Letters that failed alike.
#[derive(Clone, Debug)]
pub struct LetterGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// Which worker gave up.
    pub worker: String,
    /// A word.
    pub error_class: String,
    /// What happened.
    pub error_detail: String,
    /// How many.
    pub count: i64,
    /// The first failure of all.
    pub first_failure_at: Timestamp,
    /// The last failure of all.
    pub last_failure_at: Timestamp,
}

/// What somebody did with a letter.
#[derive(Clone, Debug)]
pub struct LetterAction {
    /// `unmask`, `replay` or `discard`.
    pub action: String,
    /// The generation that the letter had.
    pub generation: i32,
    /// Who.
    pub actor_id: UserId,
    /// In which role.
    pub actor_role: Role,
    /// Why.
    pub reason: String,
    /// When.
    pub acted_at: Timestamp,
}

struct Row {
    id: Uuid,
    position: i64,
    dead_sequence: i64,
    worker: String,
    kind: String,
    request_id: Option<Uuid>,
    correlation_id: Option<Uuid>,
    origin_stream: String,
    origin_sequence: Option<i64>,
    error_class: String,
    error_detail: String,
    fingerprint: String,
    generation: i32,
    attempts: i64,
    first_failure_at: jiff_sqlx::Timestamp,
    last_failure_at: jiff_sqlx::Timestamp,
    state: String,
    changed_at: jiff_sqlx::Timestamp,
    outcome: Option<String>,
    replay_operation: Option<Uuid>,
    replay_sequence: Option<i64>,
}

impl TryFrom<Row> for LetterRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state = LetterState::from_word(&row.state).ok_or_else(|| StoreError::BadRow {
            table: "dead_letters",
            column: "state",
            id: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id.into(),
            position: row.position,
            dead_sequence: row.dead_sequence.cast_unsigned(),
            worker: row.worker,
            kind: row.kind,
            request_id: row.request_id.map(Into::into),
            correlation_id: row.correlation_id.map(Into::into),
            origin_stream: row.origin_stream,
            origin_sequence: row.origin_sequence,
            error_class: row.error_class,
            error_detail: row.error_detail,
            fingerprint: row.fingerprint,
            generation: row.generation,
            attempts: row.attempts,
            first_failure_at: row.first_failure_at.to_jiff(),
            last_failure_at: row.last_failure_at.to_jiff(),
            state,
            changed_at: row.changed_at.to_jiff(),
            outcome: row.outcome,
            replay_operation: row.replay_operation,
            replay_sequence: row.replay_sequence,
        })
    }
}

impl CallerTx {
    /// Letters, a page of them.
    pub async fn dead_letters(
        &mut self,
        filter: &LetterFilter,
        page: LetterPage,
        limit: i64,
    ) -> Result<Vec<LetterRow>, StoreError> {
        let (before, after, is_descending) = match page {
            LetterPage::Before(position) => (position.unwrap_or(i64::MAX), i64::MIN, true),
            LetterPage::After(position) => (i64::MAX, position, false),
        };
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, position, dead_sequence, worker, kind, request_id, correlation_id,
                   origin_stream, origin_sequence, error_class, error_detail, fingerprint,
                   generation, attempts,
                   first_failure_at AS "first_failure_at: jiff_sqlx::Timestamp",
                   last_failure_at AS "last_failure_at: jiff_sqlx::Timestamp",
                   state, changed_at AS "changed_at: jiff_sqlx::Timestamp", outcome,
                   replay_operation, replay_sequence
               FROM dead_letters
               WHERE state = coalesce($1, state) AND worker = coalesce($2, worker)
                   AND error_class = coalesce($3, error_class)
                   AND fingerprint = coalesce($4, fingerprint)
                   AND ($5::uuid IS NULL OR correlation_id = $5)
                   AND ($6::timestamptz IS NULL OR last_failure_at < $6)
                   AND ($7::timestamptz IS NULL OR last_failure_at >= $7)
                   AND position < $8 AND position > $9
               ORDER BY CASE WHEN $10 THEN -position ELSE position END
               LIMIT $11"#,
            filter.state.map(LetterState::as_str),
            filter.worker.as_deref(),
            filter.error_class.as_deref(),
            filter.fingerprint.as_deref(),
            filter.correlation_id.map(CorrelationId::as_uuid),
            filter.failed_before.map(jiff_sqlx::Timestamp::from) as _,
            filter.failed_since.map(jiff_sqlx::Timestamp::from) as _,
            before,
            after,
            is_descending,
            limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many letters there are behind that position.
    pub async fn count_dead_letters(
        &mut self,
        filter: &LetterFilter,
        after: i64,
    ) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM dead_letters
               WHERE state = coalesce($1, state) AND worker = coalesce($2, worker)
                   AND error_class = coalesce($3, error_class)
                   AND fingerprint = coalesce($4, fingerprint)
                   AND ($5::uuid IS NULL OR correlation_id = $5)
                   AND ($6::timestamptz IS NULL OR last_failure_at < $6)
                   AND ($7::timestamptz IS NULL OR last_failure_at >= $7)
                   AND position > $8"#,
            filter.state.map(LetterState::as_str),
            filter.worker.as_deref(),
            filter.error_class.as_deref(),
            filter.fingerprint.as_deref(),
            filter.correlation_id.map(CorrelationId::as_uuid),
            filter.failed_before.map(jiff_sqlx::Timestamp::from) as _,
            filter.failed_since.map(jiff_sqlx::Timestamp::from) as _,
            after,
        )
        .fetch_one(self.connection())
        .await?;
        Ok(count.unsigned_abs())
    }

    /// Letters by what they have in common, the largest group first.
    pub async fn dead_letter_groups(
        &mut self,
        filter: &LetterFilter,
        limit: i64,
    ) -> Result<Vec<LetterGroup>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT fingerprint, worker, error_class, min(error_detail) AS "error_detail!",
                   count(*) AS "count!",
                   min(first_failure_at) AS "first_failure_at!: jiff_sqlx::Timestamp",
                   max(last_failure_at) AS "last_failure_at!: jiff_sqlx::Timestamp"
               FROM dead_letters
               WHERE state = coalesce($1, state) AND worker = coalesce($2, worker)
                   AND error_class = coalesce($3, error_class)
                   AND fingerprint = coalesce($4, fingerprint)
                   AND ($5::uuid IS NULL OR correlation_id = $5)
                   AND ($6::timestamptz IS NULL OR last_failure_at < $6)
                   AND ($7::timestamptz IS NULL OR last_failure_at >= $7)
               GROUP BY fingerprint, worker, error_class
               ORDER BY count(*) DESC, fingerprint
               LIMIT $8"#,
            filter.state.map(LetterState::as_str),
            filter.worker.as_deref(),
            filter.error_class.as_deref(),
            filter.fingerprint.as_deref(),
            filter.correlation_id.map(CorrelationId::as_uuid),
            filter.failed_before.map(jiff_sqlx::Timestamp::from) as _,
            filter.failed_since.map(jiff_sqlx::Timestamp::from) as _,
            limit,
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LetterGroup {
                fingerprint: row.fingerprint,
                worker: row.worker,
                error_class: row.error_class,
                error_detail: row.error_detail,
                count: row.count,
                first_failure_at: row.first_failure_at.to_jiff(),
                last_failure_at: row.last_failure_at.to_jiff(),
            })
            .collect())
    }

    /// One letter, if the caller may see it.
    pub async fn dead_letter(&mut self, id: DeadLetterId) -> Result<Option<LetterRow>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, position, dead_sequence, worker, kind, request_id, correlation_id,
                   origin_stream, origin_sequence, error_class, error_detail, fingerprint,
                   generation, attempts,
                   first_failure_at AS "first_failure_at: jiff_sqlx::Timestamp",
                   last_failure_at AS "last_failure_at: jiff_sqlx::Timestamp",
                   state, changed_at AS "changed_at: jiff_sqlx::Timestamp", outcome,
                   replay_operation, replay_sequence
               FROM dead_letters WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// What was done with a letter, oldest first.
    pub async fn dead_letter_actions(
        &mut self,
        id: DeadLetterId,
    ) -> Result<Vec<LetterAction>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, action, generation, actor_id, actor_role, reason,
                   acted_at AS "acted_at: jiff_sqlx::Timestamp"
               FROM dead_letter_actions WHERE letter_id = $1 ORDER BY acted_at, id"#,
            id.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LetterAction {
                    action: row.action,
                    generation: row.generation,
                    actor_id: row.actor_id.into(),
                    actor_role: row.actor_role.parse().map_err(|_| StoreError::BadRow {
                        table: "dead_letter_actions",
                        column: "actor_role",
                        id: row.id.to_string(),
                    })?,
                    reason: row.reason,
                    acted_at: row.acted_at.to_jiff(),
                })
            })
            .collect()
    }
}
