//! `booking.assign-care` and `booking.end-care`: who cares for whom, beyond visits.

use std::collections::HashMap;

use contracts::{Applied, AssignCare, CareRelationState, EndCare, Rejection};
use domain::{Actor, CareRelationId, Role, UserId};
use jiff::{SignedDuration, Timestamp};
use store::booking::{Contention, Failure, Transaction, care_relations};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// As exact as the database is.
const SHORTEST: SignedDuration = SignedDuration::from_micros(1);

/// Settles assignments as if they came one after the other.
pub(crate) async fn assign(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, AssignCare>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut wanted = Vec::with_capacity(orders.len());
    for order in orders {
        match assigned(order, facts, now) {
            Ok(state) => wanted.push((order.index, state, order.metadata.actor.id)),
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let relations: Vec<(&CareRelationState, UserId)> =
        wanted.iter().map(|(_, state, by)| (state, *by)).collect();
    let added = care_relations::assign(transaction, &relations).await?;
    for (index, state, _) in wanted {
        if added.contains(&state.id) {
            outcomes.apply(index, Applied::CareRelation(state));
        } else {
            outcomes.reject(index, Rejection::AlreadyAssigned);
        }
    }
    Ok(())
}

fn assigned(
    order: &Order<'_, AssignCare>,
    facts: &Facts,
    now: Timestamp,
) -> Result<CareRelationState, Rejection> {
    let AssignCare { patient_id, practitioner_id, until } = *order.command;
    require_administrator(order.metadata.actor)?;
    if !facts.practitioners.contains_key(&practitioner_id) {
        return Err(Rejection::UnknownPractitioner);
    }
    if !facts.patients.contains(&patient_id) {
        return Err(Rejection::UnknownPatient);
    }
    if until.is_some_and(|until| until < now + SHORTEST) {
        return Err(Rejection::StartInPast);
    }
    let id = CareRelationId::generate();
    Ok(CareRelationState { id, practitioner_id, patient_id, since: now, until })
}

/// Settles ends as if they came one after the other.
pub(crate) async fn end(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, EndCare>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut ended: HashMap<CareRelationId, (usize, CareRelationState, UserId)> = HashMap::new();
    for order in orders {
        let id = order.command.care_relation_id;
        let current = match ended.get(&id) {
            Some((_, state, _)) => Some(state),
            None => facts.care_relations.get(&id),
        };
        let actor = order.metadata.actor;
        match ended_by(actor, current, now) {
            Ok(state) => {
                ended.insert(id, (order.index, state, actor.id));
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if ended.is_empty() {
        return Ok(());
    }
    let relations: Vec<(&CareRelationState, UserId)> =
        ended.values().map(|(_, state, by)| (state, *by)).collect();
    if care_relations::end(transaction, &relations).await? < relations.len() as u64 {
        return Err(Failure::Contended(Contention::ChangedMeanwhile));
    }
    for (index, state, _) in ended.into_values() {
        outcomes.apply(index, Applied::CareRelation(state));
    }
    Ok(())
}

fn ended_by(
    actor: Actor,
    current: Option<&CareRelationState>,
    now: Timestamp,
) -> Result<CareRelationState, Rejection> {
    require_administrator(actor)?;
    let current = current
        .filter(|relation| relation.until.is_none_or(|until| until > now + SHORTEST))
        .ok_or(Rejection::UnknownCareRelation)?;
    let until = Some(now.max(current.since + SHORTEST));
    Ok(CareRelationState { until, ..current.clone() })
}

fn require_administrator(actor: Actor) -> Result<(), Rejection> {
    if actor.role == Role::Admin { Ok(()) } else { Err(Rejection::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::rules::tests::actor;

    #[test]
    fn a_relation_ends_once_and_by_administrators_only() {
        let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        let relation = CareRelationState {
            id: CareRelationId::generate(),
            practitioner_id: Uuid::from_u128(1).into(),
            patient_id: Uuid::from_u128(2).into(),
            since: now,
            until: None,
        };
        let admin = actor(9, Role::Admin);
        let ended = ended_by(admin, Some(&relation), now).unwrap();
        assert!(ended.until > Some(now), "it was, however shortly");
        assert_eq!(ended_by(admin, Some(&ended), now), Err(Rejection::UnknownCareRelation));
        assert_eq!(ended_by(admin, None, now), Err(Rejection::UnknownCareRelation));
        let doctor = actor(1, Role::Doctor);
        assert_eq!(ended_by(doctor, Some(&relation), now), Err(Rejection::NotAllowed));
    }
}
