//! Reading the whole log again, as it was at one moment.

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row as PgRow};

use super::row::COLUMNS;
use super::{Hash, Row, Seal, Span, check_schema, connect};
use crate::booking::{Failure, SchemaProblem};

/// Reading it all may take as long as it takes.
const NO_STATEMENT_TIMEOUT: u64 = 0;

/// Everything is read in one snapshot, while the sequencer goes on adding. It is taken by the first
/// statement that reads.
const BEGIN: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT FROM audit_seals LIMIT 1";

const SEALS: &str = "
    SELECT number, previous_hash, hash, sealed_at, first_row, last_row, audit_created_at,
        audit_from, audit_to, events_created_at, events_from, events_to, leaves
    FROM audit_seals WHERE number > $1 ORDER BY number LIMIT $2";

/// A seal as it is stored, with what it says its hash is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealCheck {
    /// What is sealed.
    pub seal: Seal,
    /// What the database says the hash is.
    pub hash: Vec<u8>,
    /// What the database says the last row is.
    pub last_row: i64,
    /// Every column holds what it held when it was sealed, as far as its form goes.
    pub is_whole: bool,
}

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Its place.
    pub position: i64,
    /// Its values; none when they aren't what the columns held when it was sealed.
    pub row: Option<Row>,
}

/// A snapshot of the audit log.
pub struct Auditor {
    client: Client,
}

impl Auditor {
    /// Connects and takes the snapshot.
    pub async fn connect(
        url: &SecretString,
        settings: &DatabaseSettings,
    ) -> Result<Self, SchemaProblem> {
        let client = connect(url, settings, "mediconnect-auditor", NO_STATEMENT_TIMEOUT).await?;
        check_schema(&client).await?;
        client.batch_execute(BEGIN).await.map_err(Failure::from)?;
        Ok(Self { client })
    }

    /// The highest position of a row, or of a seal's last row: where the log ends, if it does.
    pub async fn last_row(&self) -> Result<i64, Failure> {
        let sql = "SELECT greatest((SELECT max(position) FROM audit_log),
                       (SELECT max(last_row) FROM audit_seals), 0)";
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Up to `limit` seals behind the one of that number.
    pub async fn seals(&self, after: i64, limit: i64) -> Result<Vec<SealCheck>, Failure> {
        let rows = self.client.query(SEALS, &[&after, &limit]).await?;
        rows.iter().map(seal_of).collect()
    }

    /// Rows without a position and seals without a number, which nothing that goes by them sees.
    pub async fn nameless(&self) -> Result<u64, Failure> {
        let sql = "SELECT (SELECT count(*) FROM audit_log WHERE position IS NULL)
                       + (SELECT count(*) FROM audit_seals WHERE number IS NULL)";
        Ok(self.client.query_one(sql, &[]).await?.try_get::<_, i64>(0)?.cast_unsigned())
    }

    /// The rows at those positions, in order; they are not kept in memory.
    pub async fn rows(
        &self,
        from: i64,
        to: i64,
    ) -> Result<impl Stream<Item = Result<StoredRow, Failure>> + use<>, Failure> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_log WHERE position BETWEEN $1 AND $2 ORDER BY position"
        );
        let parameters: [&(dyn ToSql + Sync); 2] = [&from, &to];
        let rows = self.client.query_raw(&sql, parameters).await?;
        Ok(rows.map(|row| row_of(&row?)))
    }

    /// The seal and the row as which a leaf was sealed, if it was.
    pub async fn place_of(&self, leaf: &Hash) -> Result<Option<i64>, Failure> {
        // A hash that begins between two others would be a coincidence of 2^-248.
        let sql = "SELECT first_row + (position($1 IN leaves) - 1) / 32 FROM audit_seals
                   WHERE position($1 IN leaves) > 0 ORDER BY number LIMIT 1";
        let row = self.client.query_opt(sql, &[&leaf.as_slice()]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }
}

fn row_of(row: &PgRow) -> Result<StoredRow, Failure> {
    Ok(StoredRow { position: row.try_get("position")?, row: Row::read(row).ok() })
}

/// What isn't what the columns held is replaced by something that fits no hash.
fn seal_of(row: &PgRow) -> Result<SealCheck, Failure> {
    let mut is_whole = true;
    let previous: Option<Vec<u8>> = value(row, "previous_hash", &mut is_whole);
    let leaves: Vec<u8> = value(row, "leaves", &mut is_whole).unwrap_or_default();
    let (leaves, rest) = leaves.as_chunks::<32>();
    is_whole &= rest.is_empty();
    let mut number = |column: &str| value(row, column, &mut is_whole).unwrap_or_default();
    let (first_row, last_row) = (number("first_row"), number("last_row"));
    let [audit, events] = [("audit_from", "audit_to"), ("events_from", "events_to")]
        .map(|(from, to)| Span { created_at: None, from: number(from), to: number(to) });
    let sealed_at = value(row, "sealed_at", &mut is_whole);
    let mut made = |column: &str| {
        // None is what old seals hold.
        row.try_get(column).unwrap_or_else(|_| {
            is_whole = false;
            None
        })
    };
    let (audit_made, events_made) = (made("audit_created_at"), made("events_created_at"));
    let hash: Option<Vec<u8>> = value(row, "hash", &mut is_whole);
    let seal = Seal {
        number: row.try_get("number")?,
        previous_hash: previous.and_then(|hash| hash.try_into().ok()).unwrap_or([0xff; 32]),
        sealed_at: sealed_at.unwrap_or(Timestamp::MIN),
        first_row,
        audit: Span { created_at: audit_made, ..audit },
        events: Span { created_at: events_made, ..events },
        leaves: leaves.to_vec(),
    };
    Ok(SealCheck { seal, hash: hash.unwrap_or_default(), last_row, is_whole })
}

/// The value of a column that is never empty.
fn value<T: for<'a> FromSql<'a>>(row: &PgRow, column: &str, is_whole: &mut bool) -> Option<T> {
    let value = row.try_get(column).ok();
    *is_whole &= value.is_some();
    value
}
