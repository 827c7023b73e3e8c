//! Withdrawals go first, also after an outage: while the express lane has some in hand, the main
//! lane of the same process waits.

use std::sync::Arc;

use bus::HandleError;
use tokio::sync::watch;

/// What one lane does for the other. Clones share it.
#[derive(Clone, Debug)]
pub enum Precedence {
    /// Says when it has something in hand.
    First(Arc<watch::Sender<bool>>),
    /// Waits for that to be done.
    Second(watch::Receiver<bool>),
}

impl Precedence {
    /// The express lane's part and the main lane's.
    pub fn pair() -> (Self, Self) {
        let (sender, receiver) = watch::channel(false);
        (Self::First(Arc::new(sender)), Self::Second(receiver))
    }

    /// Handles a batch in its turn. During an outage the batch stays in hand, and keeps its
    /// precedence.
    pub(crate) async fn in_turn<T>(
        &self,
        handling: impl Future<Output = Result<T, HandleError>>,
    ) -> Result<T, HandleError> {
        match self {
            Self::First(in_hand) => {
                in_hand.send_replace(true);
                let handled = handling.await;
                in_hand.send_replace(matches!(handled, Err(HandleError::Outage(_))));
                handled
            }
            Self::Second(in_hand) => {
                // An error means that the express lane is gone, and with it what it had.
                let _ = in_hand.clone().wait_for(|in_hand| !in_hand).await;
                handling.await
            }
        }
    }
}
