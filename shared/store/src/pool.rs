//! sqlx's pools.

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::StoreError;

/// A pool's limits.
#[derive(Clone, Copy, Debug)]
pub struct PoolSpec {
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
    /// Connections at most.
    pub max_connections: u32,
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time after which PostgreSQL cancels a statement.
    pub statement_timeout: Duration,
}

/// A pool that connects when it is first used, so that a service starts without its database.
/// Must be called within a Tokio runtime.
pub fn connect_lazily(url: &SecretString, spec: PoolSpec) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|_| StoreError::MalformedUrl)?
        .application_name(spec.application_name)
        .options([
            ("statement_timeout", format!("{}ms", spec.statement_timeout.as_millis())),
            // Nothing of ours sits idle in a transaction; a client that died may.
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
            ("timezone", "UTC".to_owned()),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(spec.max_connections)
        .acquire_timeout(spec.connect_timeout)
        .connect_lazy_with(options))
}
