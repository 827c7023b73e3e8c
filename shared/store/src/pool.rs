//! sqlx's pools, and what stands in front of them.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::settings::DatabaseSettings;
use secrecy::{ExposeSecret, SecretString};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, Postgres, Transaction};

use crate::StoreError;

/// A connection that rested this long is tested before it is used; a busy one isn't, which
/// saves every read a round trip.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);

/// Pause between two attempts while the database is away. All callers but the one who attempts
/// are told at once, instead of each waiting for its own timeout.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);

/// How long the one who attempts may take. sqlx would try until its own, longer timeout, since
/// it takes a refused connection for a server that starts.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Connections of one role.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    connections: PgPool,
    gate: Gate,
    max_connections: u32,
}

impl Pool {
    /// Connects when it is first used, so that a service starts without its database. Must be
    /// called within a Tokio runtime.
    pub fn lazy(
        url: &SecretString,
        application_name: &'static str,
        max_connections: u32,
        settings: &DatabaseSettings,
    ) -> Result<Self, StoreError> {
        Self::lazy_with(url, application_name, max_connections, settings, &[])
    }

    /// As [`Pool::lazy`], with further settings of PostgreSQL.
    pub fn lazy_with(
        url: &SecretString,
        application_name: &'static str,
        max_connections: u32,
        settings: &DatabaseSettings,
        parameters: &[(&str, &str)],
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|_| StoreError::MalformedUrl)?
            .application_name(application_name)
            .options([
                ("statement_timeout", format!("{}ms", settings.statement_timeout_ms)),
                // We never rest in a transaction; a process that was stopped might.
                ("idle_in_transaction_session_timeout", "10s".to_owned()),
                ("timezone", "UTC".to_owned()),
            ])
            .options(parameters.iter().copied());
        let connections = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    let is_rested = metadata.idle_for >= TEST_AFTER_IDLE;
                    Ok(!is_rested || connection.ping().await.is_ok())
                })
            })
            .connect_lazy_with(options);
        Ok(Self { connections, gate: Gate::default(), max_connections })
    }

    /// A connection for single statements.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.gate.pass(async || Ok(self.connections.acquire().await?)).await
    }

    /// A transaction that `opening` begins; it may go on with further statements, which saves
    /// their round trips.
    pub async fn begin_with(
        &self,
        opening: &str,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.gate
            .pass(async || {
                // After a restart of the server every resting connection is dead; each attempt
                // uses one up.
                for _ in 0..self.max_connections {
                    match self.try_begin(opening).await {
                        Err(error) if is_broken_connection(&error) => {}
                        other => return Ok(other?),
                    }
                }
                Ok(self.try_begin(opening).await?)
            })
            .await
    }

    async fn try_begin(
        &self,
        opening: &str,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.connections.begin_with(AssertSqlSafe(opening)).await
    }

    /// Fails unless the schema is the one that this program was built for.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.gate.pass(async || crate::check_schema(&self.connections).await).await
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

fn is_broken_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // The server said goodbye before it closed the connection.
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05"))
        }
        _ => false,
    }
}

/// Lets everybody through while the database answers, and one at a time while it doesn't.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<Mutex<Option<Instant>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// With everybody else.
    Open,
    /// Alone, to see whether the database is back.
    Probe,
}

impl Gate {
    async fn pass<T>(
        &self,
        attempt: impl AsyncFnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = match self.admit(Instant::now())? {
            Admission::Open => attempt().await,
            Admission::Probe => tokio::time::timeout(PROBE_PATIENCE, attempt())
                .await
                .unwrap_or_else(|_| Err(StoreError::Outage("it is still away".to_owned()))),
        };
        let is_outage = result.as_ref().is_err_and(StoreError::is_outage);
        self.settle(Instant::now(), is_outage);
        result
    }

    fn admit(&self, now: Instant) -> Result<Admission, StoreError> {
        let mut closed_until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *closed_until {
            Some(until) if now < until => {
                Err(StoreError::Outage("it was away a moment ago".to_owned()))
            }
            Some(_) => {
                // This caller tries; the others go on being refused meanwhile.
                *closed_until = Some(now + PROBE_PATIENCE);
                Ok(Admission::Probe)
            }
            None => Ok(Admission::Open),
        }
    }

    fn settle(&self, now: Instant, is_outage: bool) {
        let closed_until = is_outage.then_some(now + OUTAGE_PAUSE);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = closed_until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_at_once_during_an_outage_and_lets_one_try() {
        let gate = Gate::default();
        let start = Instant::now();
        assert_eq!(gate.admit(start).unwrap(), Admission::Open);
        gate.settle(start, true);
        assert!(gate.admit(start).unwrap_err().is_outage());

        let later = start + OUTAGE_PAUSE;
        assert_eq!(gate.admit(later).unwrap(), Admission::Probe);
        assert!(gate.admit(later).is_err(), "the others meanwhile");
        let much_later = later + PROBE_PATIENCE;
        assert_eq!(gate.admit(much_later).unwrap(), Admission::Probe, "the first one vanished");
        gate.settle(later, false);
        assert_eq!(gate.admit(later).unwrap(), Admission::Open);
    }

    #[tokio::test]
    async fn errors_of_a_statement_close_nothing() {
        let gate = Gate::default();
        let refused = async || Err::<(), _>(StoreError::Constraint("unique".to_owned()));
        assert!(gate.pass(refused).await.is_err());
        assert_eq!(gate.admit(Instant::now()).unwrap(), Admission::Open);
    }
}
