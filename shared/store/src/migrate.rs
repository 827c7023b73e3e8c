//! Brings a database to the schema that this program was built for.

use std::str::FromStr as _;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use crate::login::{ServiceLogin, ServiceRole};
use crate::schema::{MIGRATIONS, known_version};
use crate::{StoreError, schema};

/// Oldest PostgreSQL that will do.
pub const OLDEST_MAJOR: i32 = 15;

/// Lock of everything below. Advisory locks belong to one database; roles belong to the whole
/// cluster, so what touches them copes with others beside it.
const MIGRATE_LOCK: i64 = 0x6d63_5f6d_6967_7261;

/// How often a change of a role is tried while others change it too. Each try ends when one of
/// the others has committed, so this is the number of neighbours, not of moments.
const ROLE_TRIES: u32 = 100;

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The schema's version before; none in a new database.
    pub from_version: Option<i64>,
    /// The schema's version now.
    pub to_version: i64,
    /// Names of the migrations that ran, oldest first.
    pub applied: Vec<String>,
}

/// Creates the services' login roles, gives them their passwords, and runs the migrations that
/// are missing. Safe to run again, and several times at once.
pub async fn migrate(
    owner_url: &SecretString,
    logins: &[ServiceLogin],
) -> Result<MigrationReport, StoreError> {
    let options = PgConnectOptions::from_str(owner_url.expose_secret())
        .map_err(|_| StoreError::MalformedUrl)?
        .application_name("mediconnect-migrate");
    let mut connection = options.connect().await?;
    let report = migrate_on(&mut connection, logins).await;
    // Closing releases the lock, whatever happened; a connection that is gone is closed enough.
    let _ = connection.close().await;
    report
}

async fn migrate_on(
    connection: &mut PgConnection,
    logins: &[ServiceLogin],
) -> Result<MigrationReport, StoreError> {
    check_server(connection).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATE_LOCK).execute(&mut *connection).await?;
    for role in ServiceRole::ALL {
        create_role(connection, role).await?;
    }
    for login in logins {
        set_password(connection, login).await?;
    }
    let from_version = current_version(connection).await?;
    MIGRATIONS.run_direct(None, &mut *connection, false).await?;
    // Services compare the version at their start.
    let roles = ServiceRole::ALL.map(ServiceRole::as_str).join(", ");
    let grant = format!("GRANT SELECT (version, success) ON _sqlx_migrations TO {roles}");
    sqlx::query(AssertSqlSafe(grant)).execute(&mut *connection).await?;
    let applied = MIGRATIONS
        .iter()
        .filter(|migration| from_version.is_none_or(|from| migration.version > from))
        .map(|migration| format!("{:04} {}", migration.version, migration.description))
        .collect();
    Ok(MigrationReport { from_version, to_version: known_version(), applied })
}

async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (version, has_gist): (i32, bool) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int,
                EXISTS (SELECT FROM pg_available_extensions WHERE name = 'btree_gist')",
    )
    .fetch_one(connection)
    .await?;
    let major = version / 10_000;
    if major < OLDEST_MAJOR {
        return Err(StoreError::TooOld { found: major });
    }
    if has_gist { Ok(()) } else { Err(StoreError::NoBtreeGist) }
}

async fn current_version(connection: &mut PgConnection) -> Result<Option<i64>, StoreError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(None);
    }
    Ok(sqlx::query_scalar(schema::VERSION_QUERY).fetch_one(connection).await?)
}

async fn create_role(connection: &mut PgConnection, role: ServiceRole) -> Result<(), StoreError> {
    if !exists_and_is_harmless(connection, role).await? {
        let create = format!(
            "DO $$ BEGIN
                 CREATE ROLE {role} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN
                 NULL; -- somebody else just made it
             END $$"
        );
        sqlx::query(AssertSqlSafe(create)).execute(connection).await?;
    }
    Ok(())
}

async fn exists_and_is_harmless(
    connection: &mut PgConnection,
    role: ServiceRole,
) -> Result<bool, StoreError> {
    let too_powerful: Option<bool> =
        sqlx::query_scalar("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1")
            .bind(role.as_str())
            .fetch_optional(connection)
            .await?;
    match too_powerful {
        Some(true) => Err(StoreError::RoleTooPowerful(role.as_str())),
        found => Ok(found.is_some()),
    }
}

/// The password travels as a SCRAM verifier, so that no statement log can show it.
async fn set_password(
    connection: &mut PgConnection,
    login: &ServiceLogin,
) -> Result<(), StoreError> {
    let verifier =
        postgres_protocol::password::scram_sha_256(login.password.expose_secret().as_bytes());
    let alter: String = sqlx::query_scalar("SELECT format('ALTER ROLE %I PASSWORD %L', $1, $2)")
        .bind(login.role.as_str())
        .bind(verifier)
        .fetch_one(&mut *connection)
        .await?;
    for _ in 1..ROLE_TRIES {
        match sqlx::query(AssertSqlSafe(alter.clone())).execute(&mut *connection).await {
            Err(error) if is_concurrent_update(&error) => {}
            other => return Ok(other.map(drop)?),
        }
    }
    Ok(sqlx::query(AssertSqlSafe(alter)).execute(connection).await.map(drop)?)
}

/// "tuple concurrently updated" has no SQLSTATE of its own.
fn is_concurrent_update(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("XX000"))
}
