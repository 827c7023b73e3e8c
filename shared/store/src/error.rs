//! What can go wrong with the database, without the data it went wrong on.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::schema::SchemaMismatch;

/// A failure of the database. No message holds a parameter or a row: PostgreSQL's `DETAIL`,
/// which quotes them, is left out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is overloaded, or shuts down: trying again later helps.
    #[error("the database is unavailable: {0}")]
    Outage(String),
    /// A constraint refused the write.
    #[error("constraint {0} refused the write")]
    Constraint(String),
    /// A statement failed for a reason of its own.
    #[error("a statement failed{}: {message}", code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Statement {
        /// The SQLSTATE.
        code: Option<String>,
        /// PostgreSQL's primary message.
        message: String,
    },
    /// A row holds what this version can't read.
    #[error("{table}.{column} of row {id} holds an unknown value")]
    BadRow {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row.
        id: String,
    },
    /// The URL is no PostgreSQL URL.
    #[error("a database URL is malformed: expected postgres://user:password@host:port/database")]
    MalformedUrl,
    /// The URL asks for TLS in a way that can't be done.
    #[error("a database URL asks for TLS that can't be had: {0}")]
    Tls(String),
    /// The server is older than what the schema needs.
    #[error(
        "PostgreSQL {found} is too old: this version needs at least {oldest}; install a newer server or point DATABASE_URL at one",
        oldest = crate::migrate::OLDEST_MAJOR
    )]
    TooOld {
        /// Its major version.
        found: i32,
    },
    /// The extension `btree_gist` isn't installed on the server.
    #[error(
        "the PostgreSQL server has no extension btree_gist; install its contrib modules (Debian, Ubuntu: part of the package postgresql)"
    )]
    NoBtreeGist,
    /// A service's role could read past row-level security.
    #[error(
        "the role {0} exists and is a superuser or bypasses row-level security; drop it, or ALTER ROLE {0} NOSUPERUSER NOBYPASSRLS"
    )]
    RoleTooPowerful(&'static str),
    /// A migration failed, or the database has others than this version knows.
    #[error("migrating the database failed: {0}")]
    Migration(String),
    /// The schema is not the one this version was built for.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
}

impl StoreError {
    /// Whether trying again later helps.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Outage(_))
    }

    /// Whether this constraint refused the write.
    pub fn is_violation_of(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint(name) if name == constraint)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match error {
            Database(error) => from_server(error.as_ref()),
            Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed | Protocol(_) => {
                Self::Outage(error.to_string())
            }
            other => Self::Statement { code: None, message: other.to_string() },
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Schema(SchemaMismatch::Newer {
                found: version,
                known: crate::schema::known_version(),
            }),
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
                if Self::is_connection_lost(&error) =>
            {
                Self::from(error)
            }
            other => Self::Migration(other.to_string()),
        }
    }
}

impl StoreError {
    fn is_connection_lost(error: &sqlx::Error) -> bool {
        !matches!(error, sqlx::Error::Database(_))
    }
}

fn from_server(error: &dyn DatabaseError) -> StoreError {
    if let Some(constraint) = error.constraint() {
        return StoreError::Constraint(constraint.to_owned());
    }
    let code = error.code().map(std::borrow::Cow::into_owned);
    let message = error.message().to_owned();
    if code.as_deref().is_some_and(is_outage_code) {
        StoreError::Outage(message)
    } else {
        StoreError::Statement { code, message }
    }
}

/// SQLSTATEs that say "not now" rather than "not so".
fn is_outage_code(code: &str) -> bool {
    // Connection exceptions, insufficient resources, operator intervention (shutdown, start-up,
    // statement timeout), system errors, and a server that turned read-only.
    matches!(code.get(..2), Some("08" | "53" | "57" | "58")) || code == "25006"
}
