//! `dead_letters`: what `MC_DEAD` holds, and what became of it.

use contracts::LetterFacts;
use contracts::subjects;
use domain::{CorrelationId, PractitionerId, RequestId};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction, Work};

/// Finds out up to where `MC_DEAD` was read.
#[derive(Clone, Copy, Debug)]
pub struct ReadPosition;

impl Work for ReadPosition {
    type Output = u64;
    const NAME: &'static str = "read_letters_position";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<u64, Failure> {
        let sql = "SELECT position FROM dead_letter_positions WHERE stream = $1";
        let rows = transaction.query(sql, &[&subjects::DEAD]).await?;
        rows.first().map_or(Ok(0), |row| Ok(row.try_get::<_, i64>(0)?.cast_unsigned()))
    }
}

/// Adds letters, and remembers up to where `MC_DEAD` was read. Doing it again changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct AddLetters<'a> {
    /// In the order of `MC_DEAD`; of one letter at most one copy.
    pub letters: &'a [LetterFacts],
    /// Position in `MC_DEAD` of the last message that was read.
    pub position: u64,
    /// Now.
    pub at: Timestamp,
}

// A later generation of a known letter is a replay that died again.
const ADD: &str = "
    INSERT INTO dead_letters AS known
        (id, dead_sequence, worker, kind, request_id, correlation_id, origin_stream,
         origin_sequence, error_class, error_detail, fingerprint, generation, attempts,
         first_failure_at, last_failure_at, changed_at)
    SELECT letters.*, $16
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::uuid[],
        $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::integer[],
        $13::bigint[], $14::timestamptz[], $15::timestamptz[]) AS letters
    ON CONFLICT (id) DO UPDATE
        SET dead_sequence = excluded.dead_sequence,
            origin_stream = excluded.origin_stream,
            origin_sequence = excluded.origin_sequence,
            error_class = excluded.error_class,
            error_detail = excluded.error_detail,
            fingerprint = excluded.fingerprint,
            generation = excluded.generation,
            attempts = known.attempts + excluded.attempts,
            last_failure_at = excluded.last_failure_at,
            state = 'open', outcome = NULL, changed_at = excluded.changed_at
        WHERE known.generation < excluded.generation";

const REMEMBER: &str = "
    INSERT INTO dead_letter_positions VALUES ($1, $2)
    ON CONFLICT (stream) DO UPDATE SET position = excluded.position";

impl Work for AddLetters<'_> {
    type Output = ();
    const NAME: &'static str = "add_letters";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        fn column<T>(letters: &[LetterFacts], value: impl Fn(&LetterFacts) -> T) -> Vec<T> {
            letters.iter().map(value).collect()
        }
        let letters = self.letters;
        if !letters.is_empty() {
            let ids = column(letters, |it| it.id.as_uuid());
            let dead = column(letters, |it| it.dead_sequence.cast_signed());
            let workers = column(letters, |it| it.worker.clone());
            let kinds = column(letters, |it| it.kind.clone());
            let requests = column(letters, |it| it.request_id.map(RequestId::as_uuid));
            let correlations = column(letters, |it| it.correlation_id.map(CorrelationId::as_uuid));
            let streams = column(letters, |it| it.origin_stream.clone());
            let sequences = column(letters, |it| it.origin_sequence.map(u64::cast_signed));
            let classes = column(letters, |it| it.error_class.clone());
            let details = column(letters, |it| it.error_detail.clone());
            let fingerprints = column(letters, |it| it.fingerprint.clone());
            let generations = column(letters, |it| it.generation);
            let attempts = column(letters, |it| it.attempts);
            let first = column(letters, |it| it.first_failure_at);
            let last = column(letters, |it| it.last_failure_at);
            let parameters: &[&(dyn ToSql + Sync)] = &[
                &ids,
                &dead,
                &workers,
                &kinds,
                &requests,
                &correlations,
                &streams,
                &sequences,
                &classes,
                &details,
                &fingerprints,
                &generations,
                &attempts,
                &first,
                &last,
                &self.at,
            ];
            transaction.execute(ADD, parameters).await?;
        }
        let position = self.position.cast_signed();
        transaction.execute(REMEMBER, &[&subjects::DEAD, &position]).await?;
        Ok(())
    }
}

/// Closes letters whose request has ended, by a replay or another way, and counts the open ones.
#[derive(Clone, Copy, Debug)]
pub struct ResolveLetters {
    /// Now.
    pub at: Timestamp,
}

const RESOLVE: &str = "
    UPDATE dead_letters AS letter
    SET state = 'resolved', outcome = request.outcome, changed_at = $1
    FROM requests AS request
    WHERE letter.state IN ('open', 'replaying') AND request.id = letter.request_id";

const COUNT_OPEN: &str = "SELECT count(*) FROM dead_letters WHERE state = 'open'";

impl Work for ResolveLetters {
    type Output = i64;
    const NAME: &'static str = "resolve_letters";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<i64, Failure> {
        transaction.execute(RESOLVE, &[&self.at]).await?;
        let rows = transaction.query(COUNT_OPEN, &[]).await?;
        rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }
}

const SET_SINCE: &str = "
    SELECT FROM requests
    WHERE kind = 'set-availability' AND outcome = 'applied'
      AND result -> 'availability' ->> 'practitioner_id' = $1 AND accepted_at > $2
    LIMIT 1";

const DATE_SET_SINCE: &str = "
    SELECT FROM requests
    WHERE kind = 'set-exception' AND outcome = 'applied'
      AND result -> 'exception' ->> 'practitioner_id' = $1
      AND result -> 'exception' ->> 'date' = $2 AND accepted_at > $3
    LIMIT 1";

/// Whether the exceptions of a practitioner's date were set by a request that was accepted later.
pub async fn date_was_set_since(
    transaction: &Transaction<'_>,
    practitioner: PractitionerId,
    date: Date,
    accepted_at: Timestamp,
) -> Result<bool, Failure> {
    let (practitioner, date) = (practitioner.to_string(), date.to_string());
    let rows = transaction.query(DATE_SET_SINCE, &[&practitioner, &date, &accepted_at]).await?;
    Ok(!rows.is_empty())
}

/// Whether a practitioner's hours were set by a request that was accepted later.
pub async fn hours_were_set_since(
    transaction: &Transaction<'_>,
    practitioner: PractitionerId,
    accepted_at: Timestamp,
) -> Result<bool, Failure> {
    let practitioner: Uuid = practitioner.as_uuid();
    let rows = transaction.query(SET_SINCE, &[&practitioner.to_string(), &accepted_at]).await?;
    Ok(!rows.is_empty())
}
