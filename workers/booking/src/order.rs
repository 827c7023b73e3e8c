//! The part of a batch that one message's file works on.

use contracts::{Applied, Metadata, Outcome, Rejection};

/// A request that is to be done, and its index in the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a, C> {
    pub index: usize,
    pub metadata: &'a Metadata,
    pub command: &'a C,
}

/// The ends of a segment's requests, by index, as far as they are known.
#[derive(Debug)]
pub(crate) struct Outcomes(Vec<Option<Outcome>>);

impl Outcomes {
    pub fn unknown(count: usize) -> Self {
        Self(vec![None; count])
    }

    pub fn set(&mut self, index: usize, outcome: Outcome) {
        self.0[index] = Some(outcome);
    }

    pub fn apply(&mut self, index: usize, result: Applied) {
        self.set(index, Outcome::Applied { result });
    }

    pub fn reject(&mut self, index: usize, reason: Rejection) {
        self.set(index, Outcome::Rejected { reason });
    }
}

impl IntoIterator for Outcomes {
    type Item = Option<Outcome>;
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::{Actor, CorrelationId, RequestId};
    use jiff::Timestamp;

    use super::*;

    /// The envelope of somebody's command.
    pub(crate) fn metadata_of(actor: Actor) -> Metadata {
        Metadata {
            correlation_id: CorrelationId::generate(),
            request_id: RequestId::generate(),
            causation_id: None,
            reply_to: None,
            actor,
            schema: String::new(),
            accepted_at: Timestamp::UNIX_EPOCH,
            idempotency_id: None,
            trace: None,
        }
    }
}
