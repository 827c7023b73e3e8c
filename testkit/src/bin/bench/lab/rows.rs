//! How many rows there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::Client;

/// Seldom enough not to matter beside what is measured.
const COUNT_EVERY: Duration = Duration::from_millis(250);

/// The tables that a booking writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Appointments,
    History,
    Outbox,
    Requests,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Appointments, Self::History, Self::Outbox, Self::Requests];

    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appointments => "appointments",
            Self::History => "appointment_status_history",
            Self::Outbox => "outbox",
            Self::Requests => "requests",
        }
    }
}

/// Counts the rows of a table.
pub async fn count(client: &Client, table: Table) -> anyhow::Result<u64> {
    let count = format!("SELECT count(*) FROM {}", table.as_str());
    let count: i64 = client.query_one(&count, &[]).await?.get(0);
    Ok(count.cast_unsigned())
}

/// Does `work` and keeps `counted` up to date with the rows of a table meanwhile.
pub async fn count_while<T>(
    client: &Client,
    table: Table,
    counted: &AtomicU64,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let counting = async {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        loop {
            ticks.tick().await;
            counted.store(count(client, table).await?, Ordering::Relaxed);
        }
    };
    tokio::select! {
        done = work => done,
        failed = counting => failed,
    }
}
