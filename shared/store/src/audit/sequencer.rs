//! Whoever adds to the audit log: one at a time, and never by halves.

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::{Client, Row as PgRow, Statement};

use super::row::{COLUMNS, TYPES, to_microseconds};
use super::seal::GENESIS;
use super::{Hash, Row, SILENCE, Seal, Span, check_schema, connect};
use crate::booking::{Contention, Failure, SchemaProblem};

/// Lock of whoever adds. Advisory locks belong to one database, and this one to a session: it is
/// free as soon as its holder is gone, however it went.
const SEQUENCER_LOCK: i64 = 0x6d63_5f61_7564_6974;

const LAST_SEAL: &str = "
    SELECT number, hash, last_row, audit_created_at, audit_to, events_created_at, events_to
    FROM audit_seals
    ORDER BY number DESC LIMIT 1";

const INSERT_SEAL: &str = "
    INSERT INTO audit_seals (number, previous_hash, hash, sealed_at, first_row, last_row,
        audit_created_at, audit_from, audit_to, events_created_at, events_from, events_to, leaves)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// How far a stream was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// When the stream was made; none while nobody has noted it.
    pub created_at: Option<Timestamp>,
    /// The last sequence that was read; 0 before the first.
    pub sequence: u64,
}

/// How far both streams were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// `MC_AUDIT`.
    pub audit: Position,
    /// `MC_EVENTS`.
    pub events: Position,
}

/// The end of the log: the last seal, and how far everything was read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last seal's number; 0 before the first.
    pub number: i64,
    /// Its hash.
    pub hash: Hash,
    /// The last row.
    pub last_row: i64,
    /// How far everything was read for it.
    pub read: Positions,
}

/// What is sealed together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// At least one.
    pub rows: Vec<Row>,
    /// Behind which positions both streams were read for it: those of the batch before, or the
    /// beginning of another stream.
    pub behind: Positions,
    /// How far both streams were read for it.
    pub read: Positions,
}

/// A connection that may add to the log once it leads.
pub struct Sequencer {
    client: Client,
    statements: Statements,
    patience: Duration,
}

struct Statements {
    last_seal: Statement,
    copy_rows: Statement,
    insert_seal: Statement,
}

impl Head {
    /// Of an empty log.
    fn empty() -> Self {
        Self { number: 0, hash: GENESIS, last_row: 0, read: Positions::default() }
    }

    fn read(row: &PgRow) -> Result<Self, Failure> {
        let hash: &[u8] = row.try_get(1)?;
        Ok(Self {
            number: row.try_get(0)?,
            hash: hash.try_into().unwrap_or(GENESIS),
            last_row: row.try_get(2)?,
            read: Positions {
                audit: Position {
                    created_at: row.try_get(3)?,
                    sequence: row.try_get::<_, i64>(4)?.cast_unsigned(),
                },
                events: Position {
                    created_at: row.try_get(5)?,
                    sequence: row.try_get::<_, i64>(6)?.cast_unsigned(),
                },
            },
        })
    }

    /// The seal that follows.
    fn seal(&self, batch: &Batch, sealed_at: Timestamp) -> Seal {
        Seal {
            number: self.number + 1,
            previous_hash: self.hash,
            sealed_at: to_microseconds(sealed_at),
            first_row: self.last_row + 1,
            audit: span(batch.behind.audit, batch.read.audit),
            events: span(batch.behind.events, batch.read.events),
            leaves: batch.rows.iter().map(Row::leaf).collect(),
        }
    }
}

/// What was read on the way from one position to the other.
fn span(behind: Position, to: Position) -> Span {
    Span {
        created_at: to.created_at,
        from: behind.sequence.cast_signed() + 1,
        to: to.sequence.cast_signed(),
    }
}

impl Sequencer {
    /// Connects, and refuses a schema that this program doesn't know.
    pub async fn connect(
        url: &SecretString,
        settings: &DatabaseSettings,
    ) -> Result<Self, SchemaProblem> {
        let timeout_ms = settings.statement_timeout_ms;
        let client = connect(url, settings, "mediconnect-audit", timeout_ms).await?;
        check_schema(&client).await?;
        let copy = format!("COPY audit_log ({COLUMNS}) FROM STDIN BINARY");
        let statements = Statements {
            last_seal: client.prepare(LAST_SEAL).await.map_err(Failure::from)?,
            copy_rows: client.prepare(&copy).await.map_err(Failure::from)?,
            insert_seal: client.prepare(INSERT_SEAL).await.map_err(Failure::from)?,
        };
        Ok(Self { client, statements, patience: Duration::from_millis(timeout_ms) + SILENCE })
    }

    /// Whether this connection may add from now on, until it ends.
    pub async fn try_lead(&self) -> Result<bool, Failure> {
        let sql = "SELECT pg_try_advisory_lock($1)";
        let asking = async { Ok(self.client.query_one(sql, &[&SEQUENCER_LOCK]).await?) };
        let row = self.within(asking).await?;
        Ok(row.try_get(0)?)
    }

    /// The end of the log.
    pub async fn head(&self) -> Result<Head, Failure> {
        let last_seal = &self.statements.last_seal;
        let asking = async { Ok(self.client.query_opt(last_seal, &[]).await?) };
        match self.within(asking).await? {
            Some(row) => Head::read(&row),
            None => Ok(Head::empty()),
        }
    }

    /// The hash of a seal, if there is one of that number.
    pub async fn hash_of(&self, number: i64) -> Result<Option<Vec<u8>>, Failure> {
        let sql = "SELECT hash FROM audit_seals WHERE number = $1";
        let asking = async { Ok(self.client.query_opt(sql, &[&number]).await?) };
        let row = self.within(asking).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Adds a batch behind `head`, whole or not at all; gives the new end. After an outage it is
    /// open which of the two it was: the next connection's head tells.
    pub async fn seal(
        &mut self,
        head: &Head,
        batch: &Batch,
        sealed_at: Timestamp,
    ) -> Result<Head, Failure> {
        let patience = self.patience;
        tokio::time::timeout(patience, self.write(head, batch, sealed_at))
            .await
            .unwrap_or_else(|_| Err(Failure::Outage(format!("no answer in {patience:?}"))))
    }

    async fn write(
        &mut self,
        head: &Head,
        batch: &Batch,
        sealed_at: Timestamp,
    ) -> Result<Head, Failure> {
        let seal = head.seal(batch, sealed_at);
        let (hash, last_row) = (seal.hash(), seal.last_row());
        let Self { client, statements, .. } = self;
        let transaction = client.transaction().await?;
        let last = transaction.query_opt(&statements.last_seal, &[]).await?;
        let last = last.map_or_else(|| Ok(Head::empty()), |row| Head::read(&row))?;
        if last != *head {
            return Err(Failure::Contended(Contention::ChangedMeanwhile));
        }
        let sink = transaction.copy_in(&statements.copy_rows).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, TYPES));
        for (row, position) in batch.rows.iter().zip(seal.first_row..) {
            writer.as_mut().write(&row.values(&position)).await?;
        }
        writer.finish().await?;
        transaction
            .execute(
                &statements.insert_seal,
                &[
                    &seal.number,
                    &seal.previous_hash.as_slice(),
                    &hash.as_slice(),
                    &seal.sealed_at,
                    &seal.first_row,
                    &last_row,
                    &seal.audit.created_at,
                    &seal.audit.from,
                    &seal.audit.to,
                    &seal.events.created_at,
                    &seal.events.from,
                    &seal.events.to,
                    &seal.leaves.as_flattened(),
                ],
            )
            .await?;
        transaction.commit().await?;
        Ok(Head { number: seal.number, hash, last_row, read: batch.read })
    }

    async fn within<T>(
        &self,
        answering: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let patience = self.patience;
        tokio::time::timeout(patience, answering)
            .await
            .unwrap_or_else(|_| Err(Failure::Outage(format!("no answer in {patience:?}"))))
    }
}
