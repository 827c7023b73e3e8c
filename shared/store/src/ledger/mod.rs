//! What the ledger reads, and the checkpoints it leaves: how requests ended and when, and nothing
//! of what was asked. The command reads as `mediconnect_ops`; the booking worker, which also
//! writes checkpoints, as itself.

mod checkpoints;
mod lock;

pub use checkpoints::{Checkpoint, Checkpointed, KeptLetter};
pub use lock::LedgerLock;

use domain::RequestId;
use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use uuid::Uuid;

use crate::StoreError;
use crate::pool::Pool;

/// One for the lock, and one for statements, which come one after the other.
const CONNECTIONS: u32 = 2;

/// Where the ledger reads, and where checkpoints are kept.
#[derive(Clone, Debug)]
pub struct LedgerStore {
    pool: Pool,
}

/// A row of the inbox: a request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Which request.
    pub id: RequestId,
    /// `applied`, `rejected` or `withdrawn`.
    pub outcome: String,
    /// Why, when it was rejected.
    pub reason: Option<String>,
    /// Position in `MC_COMMANDS` of the message that was settled.
    pub stream_sequence: u64,
}

/// Facts that are committed and not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnpublishedFacts {
    /// How many.
    pub count: u64,
    /// When the oldest was committed.
    pub oldest: Option<Timestamp>,
}

/// Where the dead letter of a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterStanding {
    /// Which request.
    pub request_id: RequestId,
    /// `open`, `replaying`, `resolved` or `discarded`.
    pub state: String,
}

struct Row {
    id: Uuid,
    outcome: String,
    reason: Option<String>,
    stream_sequence: i64,
}

impl TryFrom<Row> for InboxRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let stream_sequence = row.stream_sequence.try_into().map_err(|_| StoreError::BadRow {
            table: "requests",
            column: "stream_sequence",
            id: row.id.to_string(),
        })?;
        Ok(Self { id: row.id.into(), outcome: row.outcome, reason: row.reason, stream_sequence })
    }
}

impl LedgerStore {
    /// Connects on first use.
    pub fn connect(url: &SecretString, settings: &DatabaseSettings) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::lazy(url, "mediconnect-ledger", CONNECTIONS, settings)? })
    }

    /// Fails unless the database is there and has the schema that this program knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.pool.check_schema().await
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Rows whose message has a sequence in this range, both ends included, in no order.
    pub async fn inbox_between(&self, first: u64, last: u64) -> Result<Vec<InboxRow>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, outcome, reason, stream_sequence FROM requests
             WHERE stream_sequence BETWEEN $1 AND $2",
            first.cast_signed(),
            last.cast_signed(),
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Those of `ids` that have ended.
    pub async fn inbox_rows(&self, ids: &[RequestId]) -> Result<Vec<InboxRow>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, outcome, reason, stream_sequence FROM requests WHERE id = ANY ($1)",
            &ids,
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Where the dead letters of all accepted requests stand.
    pub async fn letters(&self) -> Result<Vec<LetterStanding>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query!(
            r#"SELECT request_id AS "request_id!", state FROM dead_letters
               WHERE origin_stream = 'MC_COMMANDS' AND request_id IS NOT NULL"#,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LetterStanding { request_id: row.request_id.into(), state: row.state })
            .collect())
    }

    /// Facts that were committed before `than` and are still not published.
    pub async fn unpublished_older(&self, than: Timestamp) -> Result<UnpublishedFacts, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query!(
            r#"SELECT count(position) AS "count!",
                   min(created_at) AS "oldest: jiff_sqlx::Timestamp"
               FROM outbox WHERE created_at < $1"#,
            jiff_sqlx::Timestamp::from(than) as _,
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(UnpublishedFacts {
            count: row.count.unsigned_abs(),
            oldest: row.oldest.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}
