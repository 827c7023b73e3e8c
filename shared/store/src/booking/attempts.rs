//! `message_attempts`: failures of single messages, by cause.

use jiff::Timestamp;

use super::{Failure, Transaction, Work};

/// How often one message has failed with one class of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Failures, the latest included.
    pub count: i32,
    /// When the first happened.
    pub first_at: Timestamp,
}

/// Counts one more failure of a message.
#[derive(Clone, Copy, Debug)]
pub struct RecordFailure {
    /// Position of the message in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// The class of the error, an enum word.
    pub class: &'static str,
    /// When it happened.
    pub at: Timestamp,
}

const RECORD: &str = "
    INSERT INTO message_attempts AS known
        (stream_sequence, error_class, failures, first_failure_at, last_failure_at)
    VALUES ($1, $2, 1, $3, $3)
    ON CONFLICT (stream_sequence, error_class) DO UPDATE
        SET failures = known.failures + 1, last_failure_at = excluded.last_failure_at
    RETURNING failures, first_failure_at";

impl Work for RecordFailure {
    type Output = Failures;
    const NAME: &'static str = "record_failure";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Failures, Failure> {
        let sequence = self.stream_sequence.cast_signed();
        let rows = transaction.query(RECORD, &[&sequence, &self.class, &self.at]).await?;
        let [row] = &rows[..] else {
            return Err(Failure::unreadable_row("message_attempts.stream_sequence", sequence));
        };
        Ok(Failures { count: row.try_get(0)?, first_at: row.try_get(1)? })
    }
}

/// Forgets the failures of a message with one class of error.
#[derive(Clone, Copy, Debug)]
pub struct ForgetFailures {
    /// Position of the message in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// The class of the error, an enum word.
    pub class: &'static str,
}

const FORGET: &str = "
    DELETE FROM message_attempts WHERE stream_sequence = $1 AND error_class = $2";

impl Work for ForgetFailures {
    type Output = ();
    const NAME: &'static str = "forget_failures";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let sequence = self.stream_sequence.cast_signed();
        transaction.execute(FORGET, &[&sequence, &self.class]).await?;
        Ok(())
    }
}
