//! Withdrawals go first, also after an outage: while the express lane has some in hand, the main
//! lane of the same process waits.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use bus::HandleError;
use futures::FutureExt as _;
use tokio::sync::watch;

/// Batches of the express lane for which one of the main lane waits: the one in hand and those
/// behind it, and not those that keep coming.
const AHEAD: u64 = 3;

/// What one lane does for the other. Clones share it.
#[derive(Clone, Debug)]
pub enum Precedence {
    /// Says when it has something in hand.
    First(Arc<watch::Sender<Express>>),
    /// Waits for that to be done.
    Second(watch::Receiver<Express>),
}

/// How the express lane stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Express {
    is_busy: bool,
    /// Batches that it has come to the end of.
    done: u64,
}

impl Precedence {
    /// The express lane's part and the main lane's.
    pub fn pair() -> (Self, Self) {
        let (sender, receiver) = watch::channel(Express::default());
        (Self::First(Arc::new(sender)), Self::Second(receiver))
    }

    /// Handles a batch in its turn. During an outage the batch stays in hand, and keeps its
    /// precedence until [`Precedence::outage_is_over`]; so it does when this is dropped, which is
    /// what happens to a batch that takes too long.
    pub(crate) async fn in_turn<T>(
        &self,
        handling: impl Future<Output = Result<T, HandleError>>,
    ) -> Result<T, HandleError> {
        match self {
            Self::First(express) => {
                express.send_modify(|express| express.is_busy = true);
                // A panic is an end as well: nobody would wake the other lane after it.
                let handled = AssertUnwindSafe(handling).catch_unwind().await;
                if !matches!(handled, Ok(Err(HandleError::Outage(_)))) {
                    express.send_modify(|express| {
                        *express = Express { is_busy: false, done: express.done + 1 };
                    });
                }
                handled.unwrap_or_else(|panic| resume_unwind(panic))
            }
            Self::Second(express) => {
                let mut express = express.clone();
                let enough = express.borrow().done + AHEAD;
                // An error means that the express lane is gone, and with it what it had.
                let _ = express.wait_for(|now| !now.is_busy || now.done >= enough).await;
                handling.await
            }
        }
    }

    /// What was held is tried again at once, or given up.
    pub(crate) fn outage_is_over(&self) {
        if let Self::First(express) = self {
            express.send_modify(|express| express.is_busy = false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, pending, ready};

    use super::*;

    fn done() -> Ready<Result<(), HandleError>> {
        ready(Ok(()))
    }

    fn outage() -> Ready<Result<(), HandleError>> {
        ready(Err(HandleError::Outage("away".to_owned())))
    }

    /// Whether a batch of the main lane has its turn now.
    fn has_turn(main: &Precedence) -> bool {
        main.in_turn(done()).now_or_never().is_some()
    }

    #[tokio::test]
    async fn a_panic_in_the_express_lane_lets_the_main_lane_go_on() {
        let (express, main) = Precedence::pair();
        let panicking = express.in_turn(async { panic!("as a handler might") });
        let panicked: Result<Result<(), _>, _> = AssertUnwindSafe(panicking).catch_unwind().await;
        assert!(panicked.is_err(), "the runner has to hear of it");
        assert!(has_turn(&main));
    }

    #[tokio::test]
    async fn an_outage_keeps_its_precedence_until_it_is_over() {
        let (express, main) = Precedence::pair();
        assert!(express.in_turn(outage()).await.is_err());
        assert!(!has_turn(&main));
        express.outage_is_over();
        assert!(has_turn(&main));
        let hanging = express.in_turn(pending::<Result<(), _>>());
        assert!(hanging.now_or_never().is_none());
        assert!(!has_turn(&main), "what took too long is in hand still");
    }

    #[tokio::test]
    async fn a_lane_that_is_always_busy_lets_the_other_one_in() {
        let (express, main) = Precedence::pair();
        let hanging = express.in_turn(pending::<Result<(), _>>());
        assert!(hanging.now_or_never().is_none());
        let mut waiting = std::pin::pin!(main.in_turn(done()));
        for _ in 0..AHEAD {
            assert!(waiting.as_mut().now_or_never().is_none());
            express.in_turn(done()).await.unwrap();
            let hanging = express.in_turn(pending::<Result<(), _>>());
            assert!(hanging.now_or_never().is_none());
        }
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
