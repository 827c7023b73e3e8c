//! What a failed transaction means for the messages that it would have settled.

use std::error::Error as _;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::DbError;

/// Why a transaction left nothing behind. Holds no values: neither parameters nor PostgreSQL's
/// `DETAIL`, which quotes them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The database can't be used at the moment, or isn't what this program knows. No message
    /// is at fault.
    #[error("the database is unavailable: {0}")]
    Outage(String),
    /// Another transaction was faster: the same work, done again, sees what it did.
    #[error("lost a race: {}", .0.as_str())]
    Contended(Contention),
    /// The database, or this program's reading of it, can't cope with something in the work.
    #[error("{class}: {detail}")]
    Refused {
        /// The class of the error, an enum word.
        class: &'static str,
        /// Where: SQLSTATE and names of tables, columns and constraints; ids at most.
        detail: String,
    },
    /// The work itself gave up, for a reason outside the database.
    #[error("rolled back: {0}")]
    Abandoned(String),
}

/// The race that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contention {
    /// Both waited for each other, and this one had to go.
    Deadlock,
    /// The database found no order of the two that makes sense.
    Serialization,
    /// The other one settled a request of this batch.
    SettledElsewhere,
    /// The other one changed a row between this one's look and its write.
    ChangedMeanwhile,
    /// No race: a statement failed because one that was sent along with it had failed, and the
    /// answer to that one came to nobody's eyes. The next run shows it.
    Aborted,
}

impl Contention {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadlock => "deadlock",
            Self::Serialization => "serialization",
            Self::SettledElsewhere => "settled_elsewhere",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::Aborted => "aborted",
        }
    }
}

impl Failure {
    /// A row that this version can't read.
    pub(crate) fn unreadable_row(column: &'static str, id: impl std::fmt::Display) -> Self {
        Self::Refused { class: "unreadable_row", detail: format!("{column} of row {id}") }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_lost = || {
            error.is_closed()
                || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
        };
        match error.as_db_error() {
            Some(refusal) => from_server(refusal),
            None if is_lost() => Self::Outage(error.to_string()),
            None => Self::Refused { class: "conversion", detail: error.to_string() },
        }
    }
}

/// Without a connection, nothing was asked of the database yet.
impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Outage(match &error {
            PoolError::Backend(error) => reason(error),
            _ => error.to_string(),
        })
    }
}

/// Why there is no connection, down to its cause.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return refusal.message().to_owned();
    }
    let text = error.to_string();
    let Some(cause) = error.source() else { return text };
    if text.contains("TLS") {
        format!("{text}: {cause}; the URL's sslmode asks for it: correct that, or the server")
    } else {
        format!("{text}: {cause}")
    }
}

fn from_server(refusal: &DbError) -> Failure {
    let code = refusal.code().code();
    match code {
        "40P01" => Failure::Contended(Contention::Deadlock),
        "40001" => Failure::Contended(Contention::Serialization),
        "25P02" => Failure::Contended(Contention::Aborted),
        // Bookings skip what they meet, and who moves a visit looks first: only a race is left.
        "23P01" => Failure::Contended(Contention::ChangedMeanwhile),
        // The inbox is written last, so its keys are where two workers meet.
        "23505" if refusal.table() == Some("requests") => {
            Failure::Contended(Contention::SettledElsewhere)
        }
        _ if is_outage(code) => Failure::Outage(format!("{} ({code})", refusal.message())),
        _ => Failure::Refused { class: class(code), detail: detail(refusal, code) },
    }
}

/// SQLSTATEs that say nothing about the rows of a batch. Statements here are fixed, so a missing
/// table or privilege (42) or an outdated plan (0A) is a schema that is not the one we know.
fn is_outage(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "0A" | "28" | "3D" | "42" | "53" | "57" | "58"))
        || code == "25006" // the server turned read-only
}

fn class(code: &str) -> &'static str {
    match code.get(..2) {
        Some("22") => "data_exception",
        Some("23") => "constraint_violation",
        Some("54") => "limit_exceeded",
        Some("XX") => "internal_error",
        _ => "statement_refused",
    }
}

fn detail(refusal: &DbError, code: &str) -> String {
    let named = [
        ("table", refusal.table()),
        ("column", refusal.column()),
        ("constraint", refusal.constraint()),
    ];
    named
        .into_iter()
        .filter_map(|(what, name)| Some((what, name?)))
        .fold(format!("SQLSTATE {code}"), |text, (what, name)| format!("{text}, {what} {name}"))
}
