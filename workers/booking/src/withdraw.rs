//! `booking.withdraw`: takes back a request that waits.
//!
//! Withdrawing writes the inbox row of the target, a *tombstone*: when the target's own message
//! is handled, it has ended already, and nothing is done.

use std::collections::HashMap;

use contracts::{Applied, Metadata, Outcome, Rejection, WithdrawRequest};
use domain::{RequestId, UserId};
use store::booking::inbox::{Ending, Settled};

use crate::order::{Order, Outcomes};
use crate::triage::Keys;

/// The inbox row of a request that was withdrawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tombstone<'a> {
    target: &'a WithdrawRequest,
    caller_id: UserId,
    keeps_key: bool,
}

impl<'a> Tombstone<'a> {
    pub fn ending(&self) -> Ending<'a> {
        Ending {
            id: self.target.request_id,
            kind: self.target.kind,
            caller_id: self.caller_id,
            idempotency_id: self.target.idempotency_id.filter(|_| self.keeps_key),
            outcome: &Outcome::Withdrawn,
            correlation_id: self.target.correlation_id,
            stream_sequence: self.target.stream_sequence,
            accepted_at: self.target.accepted_at,
        }
    }
}

/// Settles withdrawals as if they came one after the other. `settled` are the requests that had
/// ended before, `ending` the owners of those that end in this segment.
pub(crate) fn settle<'a>(
    orders: &[Order<'a, WithdrawRequest>],
    settled: &HashMap<RequestId, Settled>,
    ending: &HashMap<RequestId, UserId>,
    keys: &mut Keys,
    outcomes: &mut Outcomes,
) -> Vec<Tombstone<'a>> {
    let mut tombstones: Vec<Tombstone<'a>> = Vec::with_capacity(orders.len());
    for Order { index, metadata, command: target } in orders {
        let withdrawn =
            tombstones.iter().find(|other| other.target.request_id == target.request_id);
        let owner_and_end = match withdrawn {
            Some(tombstone) => Some((tombstone.caller_id, true)),
            None => end(target.request_id, settled, ending),
        };
        match verdict(metadata, owner_and_end) {
            Ok(is_new) => {
                if is_new {
                    let claim = |key| keys.claim(key, target.request_id);
                    tombstones.push(Tombstone {
                        target,
                        caller_id: metadata.actor.id,
                        keeps_key: target.idempotency_id.is_some_and(claim),
                    });
                }
                let result = Applied::Withdrawal { request_id: target.request_id };
                outcomes.set(*index, Outcome::Applied { result });
            }
            Err(reason) => outcomes.reject(*index, reason),
        }
    }
    tombstones
}

/// Owner of a request that has ended, and whether it was withdrawn.
fn end(
    request: RequestId,
    settled: &HashMap<RequestId, Settled>,
    ending: &HashMap<RequestId, UserId>,
) -> Option<(UserId, bool)> {
    let before = settled
        .get(&request)
        .map(|settled| (settled.caller_id, settled.outcome == Outcome::Withdrawn));
    before.or_else(|| ending.get(&request).map(|owner| (*owner, false)))
}

/// Whether there is something to withdraw still, or why it can't be withdrawn. That the caller
/// owns the target was checked against its message at the door; here again when there is a row.
fn verdict(metadata: &Metadata, end: Option<(UserId, bool)>) -> Result<bool, Rejection> {
    match end {
        None => Ok(true),
        Some((owner, _)) if owner != metadata.actor.id => Err(Rejection::NotAllowed),
        Some((_, true)) => Ok(false),
        Some((_, false)) => Err(Rejection::AlreadySettled),
    }
}
