//! Asking a worker what would become of a dead letter, and its answer. Request and reply over core
//! NATS, so both sides may be of different versions: fields are only added.

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Rehearse a dead letter: run its handler, and roll back whatever it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearse {
    /// Its position in `MC_DEAD`.
    pub dead_sequence: u64,
}

/// What would become of the letter if it were replayed now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Rehearsal {
    /// It would be settled.
    WouldSettle {
        /// Like this.
        outcome: Outcome,
        /// What was written, and rolled back.
        writes: Vec<TableWrites>,
    },
    /// Its request has ended already: nothing would be done.
    AlreadySettled {
        /// How.
        outcome: Outcome,
    },
    /// A later request has done what this one would undo.
    Superseded,
    /// It would fail again.
    WouldFail {
        /// The class of the error, a word.
        class: String,
        /// What happened, without values from the message.
        detail: String,
    },
    /// It ended workers before, so no worker tries it outside of the rules for that.
    TooDangerous,
    /// `MC_DEAD` has no such message.
    Gone,
    /// The database is away.
    Unavailable {
        /// What is away.
        detail: String,
    },
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableWrites {
    /// The table.
    pub table: String,
    /// Rows added.
    pub inserted: i64,
    /// Rows changed.
    pub updated: i64,
    /// Rows removed.
    pub deleted: i64,
}
