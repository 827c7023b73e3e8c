//! `booking.set-service`: makes a visit type or changes one.

use contracts::commands::Seen;
use contracts::{Applied, Outcome, Rejection, ServiceState, SetService};
use domain::{HealthcareServiceId, Role};
use store::booking::{Contention, Failure, Transaction, services};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// Settles changes of visit types, of each one at most.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, SetService>],
    facts: &Facts,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut changed = Vec::with_capacity(orders.len());
    for order in orders {
        match service(order, facts) {
            Ok(service) => {
                let result = Applied::Service(service.clone());
                outcomes.set(order.index, Outcome::Applied { result });
                changed.push(service);
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let count = services::put(transaction, &changed.iter().collect::<Vec<_>>()).await?;
    let is_all = count == changed.len() as u64;
    is_all.then_some(()).ok_or(Failure::Contended(Contention::ChangedMeanwhile))
}

/// The visit type afterwards, or why it can't be so.
fn service(order: &Order<'_, SetService>, facts: &Facts) -> Result<ServiceState, Rejection> {
    if order.metadata.actor.role != Role::Admin {
        return Err(Rejection::NotAllowed);
    }
    let (id, version) = match order.command.changed {
        None => (HealthcareServiceId::generate(), 1),
        Some(Seen { id, version }) => {
            let known = facts.services.get(&id).ok_or(Rejection::UnknownService)?;
            if known.version != version {
                return Err(Rejection::VersionMismatch);
            }
            (id, version + 1)
        }
    };
    order.command.service(id, version).ok_or(Rejection::InvalidService)
}
