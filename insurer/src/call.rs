//! One call, from its arrival to the end of its answer.

use std::sync::Arc;

use domain::PayerId;

use crate::simulator::Simulator;

/// A call that is under way. Dropped before it is finished, it counts as abandoned: the server
/// drops it when the caller leaves.
#[derive(Debug)]
pub struct Call {
    simulator: Arc<Simulator>,
    payer: PayerId,
    /// One over the limit never was in flight.
    stays: bool,
    is_finished: bool,
}

impl Call {
    pub(crate) fn new(simulator: Arc<Simulator>, payer: PayerId, stays: bool) -> Self {
        Self { simulator, payer, stays, is_finished: false }
    }

    /// Nothing is to come but the sending of what is there.
    pub fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.stays {
            self.simulator.leave(&self.payer, !self.is_finished);
        }
    }
}
