//! The version of the schema: a service refuses to work on one that it doesn't know.

use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::StoreError;

/// The migrations that this program was built with.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The database's schema isn't the one that this program was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    /// Nothing was ever migrated.
    #[error("the database has no schema yet; run `mediconnect migrate`")]
    Missing,
    /// Migrations are missing.
    #[error(
        "the database's schema has version {found}, this program needs {known}; run `mediconnect migrate`"
    )]
    Older {
        /// The database's version.
        found: i64,
        /// The version this program knows.
        known: i64,
    },
    /// A newer program migrated the database.
    #[error(
        "the database's schema has version {found}, this program knows versions up to {known}; upgrade this program"
    )]
    Newer {
        /// The database's version.
        found: i64,
        /// The version this program knows.
        known: i64,
    },
}

/// The version that this program knows: its newest migration.
pub fn known_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The query for the version that [`compare`] judges, for drivers other than sqlx.
pub const VERSION_QUERY: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

/// Whether this program can work on a schema of that version; none means nothing was migrated.
pub fn compare(found: Option<i64>) -> Result<(), SchemaMismatch> {
    let known = known_version();
    match found {
        None => Err(SchemaMismatch::Missing),
        Some(found) if found < known => Err(SchemaMismatch::Older { found, known }),
        Some(found) if found > known => Err(SchemaMismatch::Newer { found, known }),
        Some(_) => Ok(()),
    }
}

/// Fails unless the schema is the one that this program was built for.
pub async fn check_schema(pool: &PgPool) -> Result<(), StoreError> {
    let found: Result<Option<i64>, _> = sqlx::query_scalar(VERSION_QUERY).fetch_one(pool).await;
    match found {
        Ok(version) => Ok(compare(version)?),
        Err(sqlx::Error::Database(error)) if is_not_there_or_hidden(error.code().as_deref()) => {
            Err(SchemaMismatch::Missing.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// No such table; or no grant yet, which comes with the end of the first migration.
fn is_not_there_or_hidden(code: Option<&str>) -> bool {
    matches!(code, Some("42P01" | "42501"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_version_will_do() {
        let known = known_version();
        assert!(known >= 3);
        assert_eq!(compare(Some(known)), Ok(()));
        assert_eq!(compare(None), Err(SchemaMismatch::Missing));
        let older = compare(Some(known - 1)).unwrap_err().to_string();
        assert!(older.contains("run `mediconnect migrate`"), "{older}");
        let newer = compare(Some(known + 1)).unwrap_err().to_string();
        assert!(newer.contains("upgrade this program"), "{newer}");
    }
}
