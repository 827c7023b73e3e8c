//! Connections, and how work gets through them.

use std::time::{Duration, Instant};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, PoolConfig, RecyclingMethod, Runtime, Timeouts,
};
use resilience::RetryDelays;
use runtime::settings::DatabaseSettings;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;

use super::{Failure, Transaction, Work, metrics};
use crate::schema::{VERSION_QUERY, compare};
use crate::{SchemaMismatch, StoreError, tls};

/// What every session of a worker sets.
///
/// All its statements find rows by key. A plan that was made while a table was empty would scan
/// it, and stay cached while the table grows, for the statements here as for the server's own
/// foreign key checks: so scans and joins that read whole tables are taken off the menu.
const SESSION: &str = "-c timezone=UTC -c jit=off -c enable_seqscan=off -c enable_hashjoin=off \
                       -c enable_mergejoin=off -c idle_in_transaction_session_timeout=10s";

/// How many races in a row work may lose before the database counts as overwhelmed.
const MAX_LOST: u32 = 20;

/// Pauses between those runs. A deadlock's winner needs a few milliseconds more.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// What an answer may take on top of the statement's own limit, after which the server is taken
/// for dead: a stopped server or a lost network path says nothing at all.
const SILENCE: Duration = Duration::from_secs(1);

/// A worker's connections. Clones share them.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    patience: Duration,
}

/// The schema can't be judged, or isn't the one that this program was built for.
#[derive(Debug, thiserror::Error)]
pub enum SchemaProblem {
    /// Trying again later helps.
    #[error(transparent)]
    Unreachable(#[from] Failure),
    /// Only a migration, or another version of this program, helps.
    #[error(transparent)]
    Mismatch(#[from] SchemaMismatch),
}

impl Pool {
    /// The booking worker's pool, which connects when it is first used. Must be called within a
    /// Tokio runtime.
    pub fn connect(url: &SecretString, settings: &DatabaseSettings) -> Result<Self, StoreError> {
        Self::connect_as("mediconnect-booking", settings.booking_connections, url, settings)
    }

    /// The pool of a worker of that name, with so many connections at most.
    pub fn connect_as(
        name: &str,
        connections: u32,
        url: &SecretString,
        settings: &DatabaseSettings,
    ) -> Result<Self, StoreError> {
        let connect_timeout = Duration::from_millis(settings.connect_timeout_ms);
        let (mut config, tls) = tls::connection(url.expose_secret())?;
        let inherited = config.get_options().unwrap_or_default();
        let statement_timeout_ms = settings.statement_timeout_ms;
        config
            .options(format!("{inherited} {SESSION} -c statement_timeout={statement_timeout_ms}"))
            .application_name(name)
            .connect_timeout(connect_timeout);
        // Whether a connection still works shows when it is used; a broken one is thrown away.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let timeout = Some(connect_timeout);
        let pool = deadpool_postgres::Pool::builder(manager)
            .config(PoolConfig {
                max_size: connections as usize,
                timeouts: Timeouts { wait: timeout, create: timeout, recycle: timeout },
                ..PoolConfig::default()
            })
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is given, and nothing else is asked of it");
        let patience = Duration::from_millis(statement_timeout_ms) + SILENCE;
        Ok(Self { connections: pool, patience })
    }

    /// Runs work in a transaction and commits it. Work that lost a race is run again.
    ///
    /// After an [`Failure::Outage`] the commit may or may not have happened: whoever repeats the
    /// work must be able to tell, as the inbox does for messages.
    pub async fn transact<W: Work>(&self, work: &W) -> Result<W::Output, Failure> {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        let mut lost = 0;
        loop {
            match self.run_once(work).await {
                Err(Failure::Contended(cause)) if lost < MAX_LOST => {
                    lost += 1;
                    metrics::RETRIES.with_label_values(&[W::NAME, cause.as_str()]).inc();
                    tokio::time::sleep(pauses.next_delay()).await;
                }
                Err(Failure::Contended(cause)) => {
                    let cause = cause.as_str();
                    return Err(Failure::Outage(format!("lost {lost} races, the last: {cause}")));
                }
                ended => return ended,
            }
        }
    }

    async fn run_once<W: Work>(&self, work: &W) -> Result<W::Output, Failure> {
        let started = Instant::now();
        let mut connection = self.connections.get().await?;
        let running = async {
            let transaction = Transaction(connection.transaction().await?);
            // Boxed, because a work's future is large and would be part of every caller's.
            let output = Box::pin(work.run(&transaction)).await?;
            if W::COMMITS {
                transaction.0.commit().await?;
            } else {
                transaction.0.rollback().await?;
            }
            Ok(output)
        };
        let ended = within(self.patience, running).await;
        match &ended {
            Ok(_) => {
                let seconds = started.elapsed().as_secs_f64();
                metrics::SECONDS.with_label_values(&[W::NAME]).observe(seconds);
            }
            Err(Failure::Outage(_)) => drop(Object::take(connection)),
            // Dropping the transaction has rolled it back.
            Err(_) => {}
        }
        ended
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Failure> {
        let connection = self.connections.get().await?;
        let answer = within(self.patience, async { Ok(connection.simple_query("").await?) }).await;
        if answer.is_err() {
            drop(Object::take(connection));
        }
        answer.map(drop)
    }

    /// Whether the schema is the one that this program was built for.
    pub async fn check_schema(&self) -> Result<(), SchemaProblem> {
        let connection = self.connections.get().await.map_err(Failure::from)?;
        let looking = async {
            match connection.query_one(VERSION_QUERY, &[]).await {
                Ok(row) => Ok(row.try_get(0)?),
                Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        let found = within(self.patience, looking).await?;
        Ok(compare(found)?)
    }
}

async fn within<T>(
    patience: Duration,
    answering: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(patience, answering)
        .await
        .unwrap_or_else(|_| Err(Failure::Outage(format!("no answer in {patience:?}"))))
}
