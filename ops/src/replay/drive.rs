//! The run: a shared queue in the rows' real order, and connections that take from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime::Shutdown;
use tokio::task::JoinSet;

use super::booking::Run;
use super::rows::Row;
use crate::client::http::Http;

/// The rows, each given out once, in order.
#[derive(Debug)]
pub struct Queue {
    rows: Vec<Row>,
    due: Vec<Duration>,
    next: AtomicUsize,
}

impl Queue {
    /// A queue of these rows; `due` says when each may be asked, counted from the start.
    pub fn new(rows: Vec<Row>, due: Vec<Duration>) -> Self {
        Self { rows, due, next: AtomicUsize::new(0) }
    }

    fn take(&self) -> Option<(&Row, Duration)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        self.rows.get(index).zip(self.due.get(index).copied())
    }
}

/// Works the queue off with one worker per connection; says how long it took. After a soft stop
/// the rows under way are finished and no others are taken; after a hard stop nothing is.
pub async fn drive(
    run: &Arc<Run>,
    queue: Arc<Queue>,
    connections: Vec<Http>,
    shutdown: &Shutdown,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for http in connections {
        let (run, queue, shutdown) = (Arc::clone(run), Arc::clone(&queue), shutdown.clone());
        workers.spawn(async move { work(&run, &queue, &http, &shutdown, began).await });
    }
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(ended) => ended?,
                None => return Ok(began.elapsed()),
            },
            () = shutdown.hard_stopped() => {
                workers.shutdown().await;
                return Ok(began.elapsed());
            }
        }
    }
}

async fn work(run: &Run, queue: &Queue, http: &Http, shutdown: &Shutdown, began: Instant) {
    while !shutdown.is_soft_stopped() {
        let Some((row, due)) = queue.take() else { return };
        if !is_due(began + due, shutdown).await {
            return;
        }
        if !due.is_zero() {
            run.tally.was_behind(began.elapsed().saturating_sub(due));
        }
        let end = run.settle_row(http, row).await;
        run.tally.ended(end);
    }
}

/// Waits for a row's time; false when the run was stopped before.
async fn is_due(at: Instant, shutdown: &Shutdown) -> bool {
    tokio::select! {
        () = tokio::time::sleep_until(at.into()) => true,
        () = shutdown.soft_stopped() => false,
    }
}
