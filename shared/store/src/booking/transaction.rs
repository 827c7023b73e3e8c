//! A unit of work and the transaction it runs in.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Failure;

/// What is committed together. It may be run several times, from the start each time, until it
/// neither loses a race nor fails; only the last run leaves anything behind.
pub trait Work: Sync {
    /// What it finds out.
    type Output: Send;

    /// The transaction's name in metrics.
    const NAME: &'static str;

    /// Whether what it does is to stay. Work that doesn't commit finds out what would happen.
    const COMMITS: bool = true;

    /// Does the work. An error rolls everything back.
    fn run(
        &self,
        transaction: &Transaction<'_>,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// An open transaction, read committed: each statement sees what was committed before it began.
///
/// Statements that are polled together are sent together and run in the order of their first
/// poll.
pub struct Transaction<'a>(pub(super) deadpool_postgres::Transaction<'a>);

impl Transaction<'_> {
    pub(crate) async fn query(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, parameters).await?)
    }

    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, parameters).await?)
    }
}
