//! Reading the whole log again, as it was at one moment.

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row as PgRow};

use super::row::COLUMNS;
use super::{Hash, Row, Seal, check_schema, connect};
use crate::booking::{Failure, SchemaProblem};

/// Reading it all may take as long as it takes.
const NO_STATEMENT_TIMEOUT: u64 = 0;

/// Everything is read in one snapshot, while the sequencer goes on adding. It is taken by the first
/// statement that reads.
const BEGIN: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT FROM audit_seals LIMIT 1";

const SEALS: &str = "
    SELECT number, previous_hash, hash, sealed_at, first_row, last_row, audit_from, audit_to,
        events_from, events_to, leaves
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

fn seal_of(row: &PgRow) -> Result<SealCheck, Failure> {
    let previous: &[u8] = row.try_get("previous_hash")?;
    let leaves: &[u8] = row.try_get("leaves")?;
    let (leaves, _rest) = leaves.as_chunks::<32>();
    let seal = Seal {
        number: row.try_get("number")?,
        // A length that isn't 32 is refused by the database; after that, no hash fits.
        previous_hash: previous.try_into().unwrap_or([0xff; 32]),
        // A time that isn't one, such as infinity, was never sealed.
        sealed_at: row.try_get("sealed_at").unwrap_or(Timestamp::MIN),
        first_row: row.try_get("first_row")?,
        audit: (row.try_get("audit_from")?, row.try_get("audit_to")?),
        events: (row.try_get("events_from")?, row.try_get("events_to")?),
        leaves: leaves.to_vec(),
    };
    Ok(SealCheck { seal, hash: row.try_get("hash")?, last_row: row.try_get("last_row")? })
}
