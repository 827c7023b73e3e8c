//! `booking.set-location`: makes a location or changes one.

use contracts::commands::Seen;
use contracts::{Applied, LocationState, Outcome, Rejection, SetLocation};
use domain::{LocationId, Role};
use store::booking::{Contention, Failure, Transaction, locations};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// Settles changes of locations, of each one at most.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SetLocation>],
    facts: &Facts,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut changed = Vec::with_capacity(orders.len());
    for order in orders {
        match location(order, facts) {
            Ok(location) => {
                let result = Applied::Location(location.clone());
                outcomes.set(order.index, Outcome::Applied { result });
                changed.push(location);
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let count = locations::put(transaction, &changed.iter().collect::<Vec<_>>()).await?;
    let is_all = count == changed.len() as u64;
    is_all.then_some(()).ok_or(Failure::Contended(Contention::ChangedMeanwhile))
}

/// The location afterwards, or why it can't be so.
fn location(order: &Order<'_, SetLocation>, facts: &Facts) -> Result<LocationState, Rejection> {
    if order.metadata.actor.role != Role::Admin {
        return Err(Rejection::NotAllowed);
    }
    let (id, version) = match order.command.changed {
        None => (LocationId::generate(), 1),
        Some(Seen { id, version }) => {
            let known = facts.locations.get(&id).ok_or(Rejection::UnknownLocation)?;
            if known.version != version {
                return Err(Rejection::VersionMismatch);
            }
            (id, version + 1)
        }
    };
    order.command.location(id, version).ok_or(Rejection::InvalidLocation)
}
