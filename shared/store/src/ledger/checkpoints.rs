//! `ledger_checkpoints` and `ledger_checkpoint_letters`: what has been proven.

use std::collections::BTreeMap;

use domain::RequestId;
use jiff::Timestamp;
use uuid::Uuid;

use super::LedgerStore;
use crate::StoreError;

/// Consecutive sequences of `MC_COMMANDS` in which each request has one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first; one more than the last of the checkpoint before.
    pub from_sequence: u64,
    /// The last.
    pub to_sequence: u64,
    /// Requests that were done.
    pub applied: u64,
    /// Requests that were refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Requests that were taken back.
    pub withdrawn: u64,
    /// Further messages of requests that are counted at another message.
    pub repeats: u64,
    /// Messages of which only a letter is left.
    pub letters: Vec<KeptLetter>,
}

/// A message that no worker could settle, in a range that has a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// Its position in `MC_COMMANDS`.
    pub sequence: u64,
    /// Which request; none when the message is unreadable.
    pub request_id: Option<RequestId>,
    /// When the stream stored it.
    pub stored_at: Timestamp,
}

/// The checkpoints of one stream together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpointed {
    /// The last sequence that is covered; every one before it is, too.
    pub up_to: u64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// Requests that were done.
    pub applied: u64,
    /// Requests that were refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Requests that were taken back.
    pub withdrawn: u64,
    /// Further messages of requests.
    pub repeats: u64,
    /// Messages of which only a letter is left.
    pub letters: Vec<KeptLetter>,
}

impl LedgerStore {
    /// The checkpoints of the stream that was made at this moment.
    pub async fn checkpointed(&self, stream: Timestamp) -> Result<Checkpointed, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let sums = sqlx::query!(
            r#"SELECT count(*) AS "checkpoints!",
                   coalesce(max(to_sequence), 0) AS "up_to!",
                   coalesce(sum(to_sequence - from_sequence + 1), 0)::bigint AS "messages!",
                   coalesce(sum(applied), 0)::bigint AS "applied!",
                   coalesce(sum(withdrawn), 0)::bigint AS "withdrawn!",
                   coalesce(sum(repeats), 0)::bigint AS "repeats!",
                   (SELECT coalesce(jsonb_object_agg(reason, number), '{}')
                    FROM (SELECT reason, sum(number::bigint) AS number
                          FROM ledger_checkpoints AS one,
                              jsonb_each_text(one.rejected_by_reason) AS each (reason, number)
                          WHERE one.stream_created_at = $1 GROUP BY reason) AS reasons
                   ) AS "rejected!: sqlx::types::Json<BTreeMap<String, u64>>"
               FROM ledger_checkpoints WHERE stream_created_at = $1"#,
            jiff_sqlx::Timestamp::from(stream) as _,
        )
        .fetch_one(&mut *connection)
        .await?;
        if sums.messages != sums.up_to {
            return Err(StoreError::BadRow {
                table: "ledger_checkpoints",
                column: "from_sequence",
                id: format!("({} of {} sequences are covered)", sums.messages, sums.up_to),
            });
        }
        let letters = sqlx::query!(
            r#"SELECT sequence, request_id, stored_at AS "stored_at: jiff_sqlx::Timestamp"
               FROM ledger_checkpoint_letters
               WHERE stream_created_at = $1 AND sequence <= $2 ORDER BY sequence"#,
            jiff_sqlx::Timestamp::from(stream) as _,
            sums.up_to,
        )
        .fetch_all(&mut *connection)
        .await?;
        let letters = letters.into_iter().map(|row| KeptLetter {
            sequence: row.sequence.cast_unsigned(),
            request_id: row.request_id.map(Into::into),
            stored_at: row.stored_at.to_jiff(),
        });
        Ok(Checkpointed {
            up_to: sums.up_to.cast_unsigned(),
            checkpoints: sums.checkpoints.cast_unsigned(),
            applied: sums.applied.cast_unsigned(),
            rejected: sums.rejected.0,
            withdrawn: sums.withdrawn.cast_unsigned(),
            repeats: sums.repeats.cast_unsigned(),
            letters: letters.collect(),
        })
    }

    /// Adds a checkpoint of the stream that was made at this moment, with its letters, or nothing.
    /// The database refuses counts that don't add up, and a range that overlaps another.
    pub async fn record(
        &self,
        stream: Timestamp,
        checkpoint: &Checkpoint,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let letters = &checkpoint.letters;
        let dead = letters.iter().filter(|letter| letter.request_id.is_some()).count();
        let mut transaction = self.pool.begin_with("BEGIN").await?;
        sqlx::query!(
            "INSERT INTO ledger_checkpoints (stream_created_at, from_sequence, to_sequence,
                 applied, rejected, rejected_by_reason, withdrawn, dead, repeats, unreadable,
                 recorded_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            jiff_sqlx::Timestamp::from(stream) as _,
            checkpoint.from_sequence.cast_signed(),
            checkpoint.to_sequence.cast_signed(),
            checkpoint.applied.cast_signed(),
            checkpoint.rejected.values().sum::<u64>().cast_signed(),
            sqlx::types::Json(&checkpoint.rejected) as _,
            checkpoint.withdrawn.cast_signed(),
            dead as i64,
            checkpoint.repeats.cast_signed(),
            (letters.len() - dead) as i64,
            jiff_sqlx::Timestamp::from(recorded_at) as _,
        )
        .execute(&mut *transaction)
        .await?;
        for letter in letters {
            sqlx::query!(
                "INSERT INTO ledger_checkpoint_letters
                     (stream_created_at, sequence, request_id, stored_at)
                 VALUES ($1, $2, $3, $4)",
                jiff_sqlx::Timestamp::from(stream) as _,
                letter.sequence.cast_signed(),
                letter.request_id.map(RequestId::as_uuid) as Option<Uuid>,
                jiff_sqlx::Timestamp::from(letter.stored_at) as _,
            )
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
