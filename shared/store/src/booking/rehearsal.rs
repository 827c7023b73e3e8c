//! Work that is done, looked at, and rolled back.

use contracts::TableWrites;

use super::{Failure, Transaction, Work};

/// Does the work without leaving anything behind.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsed<'a, W>(pub &'a W);

// The server counts what a connection wrote; between two of its reports that includes earlier
// transactions, so what counts is the difference.
const WRITES: &str = "
    SELECT relname::text, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
    WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname";

impl<W: Work> Work for Rehearsed<'_, W> {
    type Output = (W::Output, Vec<TableWrites>);
    const NAME: &'static str = "rehearse";
    const COMMITS: bool = false;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Self::Output, Failure> {
        let before = writes(transaction).await?;
        let output = Box::pin(self.0.run(transaction)).await?;
        let after = writes(transaction).await?;
        Ok((output, difference(&before, after)))
    }
}

async fn writes(transaction: &Transaction<'_>) -> Result<Vec<TableWrites>, Failure> {
    let rows = transaction.query(WRITES, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(TableWrites {
                table: row.try_get(0)?,
                inserted: row.try_get(1)?,
                updated: row.try_get(2)?,
                deleted: row.try_get(3)?,
            })
        })
        .collect()
}

fn difference(before: &[TableWrites], after: Vec<TableWrites>) -> Vec<TableWrites> {
    let since = |mut writes: TableWrites| {
        if let Some(earlier) = before.iter().find(|earlier| earlier.table == writes.table) {
            writes.inserted -= earlier.inserted;
            writes.updated -= earlier.updated;
            writes.deleted -= earlier.deleted;
        }
        writes
    };
    let is_something = |it: &TableWrites| it.inserted + it.updated + it.deleted > 0;
    after.into_iter().map(since).filter(is_something).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(table: &str, inserted: i64) -> TableWrites {
        TableWrites { table: table.to_owned(), inserted, updated: 0, deleted: 0 }
    }

    #[test]
    fn counts_what_came_since() {
        let before = [writes("outbox", 4), writes("requests", 2)];
        let after = vec![writes("appointments", 1), writes("outbox", 5), writes("requests", 2)];
        assert_eq!(difference(&before, after), [writes("appointments", 1), writes("outbox", 1)]);
    }
}
