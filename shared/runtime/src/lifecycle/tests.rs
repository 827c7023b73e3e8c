use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal as OsSignal, getpid, kill_process};
use tokio::sync::oneshot;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("the connection is gone")]
struct Gone(#[source] std::io::Error);

/// Sets its flag when the task that owns it ends or is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn wait_lets_tasks_finish_after_a_soft_stop() {
    let shutdown = Shutdown::new();
    let finished = Arc::new(AtomicBool::new(false));
    let (stop, flag) = (shutdown.clone(), Arc::clone(&finished));
    shutdown.spawn("worker", async move {
        stop.soft_stopped().await;
        tokio::task::yield_now().await;
        flag.store(true, Ordering::SeqCst);
    });
    assert!(!shutdown.is_soft_stopped());
    shutdown.trigger();
    assert_eq!(shutdown.wait().await, Ok(()));
    assert!(finished.load(Ordering::SeqCst));
    assert!(shutdown.is_soft_stopped() && !shutdown.is_hard_stopped());
}

#[tokio::test]
async fn a_task_that_fails_brings_the_service_down() {
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    shutdown.spawn("neighbour", async move { stop.soft_stopped().await });
    shutdown.spawn("reader", async { Err::<(), _>(Gone(std::io::Error::other("reset"))) });
    let failure = shutdown.wait().await.unwrap_err();
    assert_eq!(failure.to_string(), "task reader failed: the connection is gone: reset");
}

#[tokio::test]
async fn a_task_that_panics_brings_the_service_down() {
    let shutdown = Shutdown::new();
    shutdown.spawn("reader", async { assert!(shutdown_is_perfect(), "it is not") });
    let failure = shutdown.wait().await.unwrap_err();
    assert_eq!(failure, TaskFailure { task: "reader", reason: "it panicked".into() });
}

fn shutdown_is_perfect() -> bool {
    false
}

#[tokio::test]
async fn a_background_task_fails_as_loudly_but_delays_nothing() {
    let shutdown = Shutdown::new();
    shutdown.spawn_in_background("endless", std::future::pending::<()>());
    shutdown.trigger();
    assert_eq!(shutdown.wait().await, Ok(()));

    let shutdown = Shutdown::new();
    shutdown.spawn_in_background("listener", async { Err::<(), _>("port lost") });
    let failure = shutdown.wait().await.unwrap_err();
    assert_eq!(failure.to_string(), "task listener failed: port lost");
}

#[tokio::test]
async fn a_hard_stop_drops_tasks_that_hang() {
    let shutdown = Shutdown::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Flag(Arc::clone(&dropped));
    let (ended, end) = oneshot::channel::<()>();
    shutdown.spawn("stuck", async move {
        let _owned = (flag, ended);
        std::future::pending::<()>().await;
    });
    shutdown.trigger_hard();
    assert_eq!(shutdown.wait().await, Ok(()));
    assert!(end.await.is_err(), "nothing is ever sent, so this is the drop");
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn the_first_signal_stops_softly_and_the_second_hard() {
    let shutdown = Shutdown::on_signals(Duration::from_hours(1)).unwrap();
    kill_process(getpid(), OsSignal::TERM).unwrap();
    shutdown.soft_stopped().await;
    assert!(!shutdown.is_hard_stopped());
    kill_process(getpid(), OsSignal::INT).unwrap();
    shutdown.hard_stopped().await;
}

#[tokio::test]
async fn the_hard_stop_comes_when_the_grace_is_over() {
    let shutdown = Shutdown::on_signals(Duration::from_millis(5)).unwrap();
    shutdown.trigger();
    shutdown.hard_stopped().await;
}
