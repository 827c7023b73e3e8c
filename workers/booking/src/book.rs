//! `booking.book`: takes a slot.

use contracts::{Applied, AppointmentState, BookAppointment, Outcome, Rejection};
use domain::{
    Actor, AppointmentId, AppointmentStatus, NotOffered, PatientId, RequestedStart, Role, UserId,
    VisitType,
};
use jiff::Timestamp;
use store::booking::appointments::{self, Busy, FIRST_VERSION, NewAppointment};
use store::booking::{Contention, Failure, Transaction};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// A booking whose form is right, and which waits to be written.
#[derive(Clone, Copy)]
struct Candidate {
    index: usize,
    visit: NewAppointment,
}

/// Settles bookings as if they came one after the other.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, BookAppointment>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut waiting = Vec::with_capacity(orders.len());
    for order in orders {
        match visit(order, facts, now) {
            Ok(visit) => waiting.push(Candidate { index: order.index, visit }),
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    while !waiting.is_empty() {
        let (wave, later) = first_wave(waiting);
        let taken = write(transaction, wave, now, outcomes).await?;
        waiting = later;
        waiting.retain(|candidate| {
            let is_taken = taken.iter().any(|slot| slot.is_taken_from(candidate));
            if is_taken {
                outcomes.reject(candidate.index, Rejection::SlotTaken);
            }
            !is_taken
        });
    }
    Ok(())
}

/// The visit that is asked for, or why there can't be one whoever else has a visit then.
fn visit(
    order: &Order<'_, BookAppointment>,
    facts: &Facts,
    now: Timestamp,
) -> Result<NewAppointment, Rejection> {
    let BookAppointment { practitioner_id, patient_id, start, service_id, location_id } =
        order.command;
    if !may_book_for(order.metadata.actor, *patient_id) {
        return Err(Rejection::NotAllowed);
    }
    let standing = facts.practitioners.get(practitioner_id).filter(|standing| standing.is_bookable);
    let standing = standing.ok_or(Rejection::UnknownPractitioner)?;
    if !facts.patients.contains(patient_id) {
        return Err(Rejection::UnknownPatient);
    }
    let service = service_id.map(|id| facts.services.get(&id).filter(|service| service.active));
    let service = service.map(|known| known.ok_or(Rejection::UnknownService)).transpose()?;
    let is_place = |id| facts.locations.get(id).is_some_and(|location| location.active);
    if !location_id.as_ref().is_none_or(is_place) {
        return Err(Rejection::UnknownLocation);
    }
    if service.is_some_and(|service| !service.is_offered_by(&standing.specialty)) {
        return Err(Rejection::NotOffered);
    }
    if start.resolve().is_ok_and(|start| start < now) {
        return Err(Rejection::StartInPast);
    }
    let hours = facts.hours.get(practitioner_id).ok_or(Rejection::OutsideHours)?;
    let visit_type = match service {
        Some(service) => service.visit_type().map_err(|_| Rejection::InvalidService)?,
        None => VisitType::standard(hours.slot_length(), facts.standard_horizon_days),
    };
    in_time(start, &visit_type, now)?;
    let offer = hours.offer_at(&visit_type, *location_id, start).map_err(not_offered)?;
    if offer.location_id.is_some_and(|id| facts.inactive_locations.contains(&id)) {
        return Err(Rejection::NotOffered);
    }
    Ok(NewAppointment {
        id: AppointmentId::generate(),
        practitioner_id: *practitioner_id,
        patient_id: *patient_id,
        slot: offer.slot,
        occupied: offer.slot.with_buffers(&visit_type),
        service_id: *service_id,
        location_id: offer.location_id,
        request_id: order.metadata.request_id,
    })
}

/// Whether the visit is neither too near nor too far away. What its hours say of a start that is no
/// moment comes later.
fn in_time(
    start: &RequestedStart,
    visit_type: &VisitType,
    now: Timestamp,
) -> Result<(), Rejection> {
    let rules = &visit_type.rules;
    match start.resolve() {
        Ok(start) if start < rules.earliest(now) => Err(Rejection::TooSoon),
        Ok(start) if start > rules.latest(now) => Err(Rejection::BeyondHorizon),
        _ => Ok(()),
    }
}

const fn not_offered(reason: NotOffered) -> Rejection {
    match reason {
        NotOffered::InGap => Rejection::StartInGap,
        NotOffered::Ambiguous => Rejection::StartAmbiguous,
        NotOffered::OffGrid => Rejection::OffGrid,
        NotOffered::OutsideHours => Rejection::OutsideHours,
        NotOffered::NotThis => Rejection::NotOffered,
    }
}

fn may_book_for(actor: Actor, patient: PatientId) -> bool {
    match actor.role {
        Role::Admin => true,
        Role::Patient => actor.id == UserId::from(patient),
        Role::Doctor | Role::Operator => false,
    }
}

/// Divides bookings into those that don't meet an earlier one, and those that have to wait for
/// the end of it. Both stay in order.
fn first_wave(waiting: Vec<Candidate>) -> (Vec<Candidate>, Vec<Candidate>) {
    let mut wave: Vec<Candidate> = Vec::with_capacity(waiting.len());
    let mut later: Vec<Candidate> = Vec::new();
    for candidate in waiting {
        let meets = |earlier: &Candidate| earlier.meets(&candidate);
        if wave.iter().any(meets) || later.iter().any(meets) {
            later.push(candidate);
        } else {
            wave.push(candidate);
        }
    }
    (wave, later)
}

impl Candidate {
    /// Whether not both of them can be booked.
    fn meets(&self, other: &Self) -> bool {
        let (a, b) = (&self.visit, &other.visit);
        (a.practitioner_id == b.practitioner_id && a.occupied.overlaps(&b.occupied))
            || (a.patient_id == b.patient_id && a.slot.overlaps(&b.slot))
    }

    fn outcome(&self) -> Outcome {
        let NewAppointment { id, practitioner_id, patient_id, slot, .. } = self.visit;
        let NewAppointment { service_id, location_id, .. } = self.visit;
        let state = AppointmentState {
            id,
            version: FIRST_VERSION,
            status: AppointmentStatus::Booked,
            practitioner_id,
            patient_id,
            start: slot.start,
            end: slot.end,
            cancelation_reason: None,
            service_id,
            location_id,
        };
        Outcome::Applied { result: Applied::Appointment(state) }
    }
}

/// A time of a practitioner's that is known to be gone.
enum Taken {
    /// By a visit that was just booked.
    Booked(NewAppointment),
    /// By one that was there before. What is known of it is only that it meets this one.
    Before(NewAppointment),
}

impl Taken {
    fn is_taken_from(&self, candidate: &Candidate) -> bool {
        let wanted = &candidate.visit;
        match self {
            Self::Booked(visit) => {
                visit.practitioner_id == wanted.practitioner_id
                    && visit.occupied.overlaps(&wanted.occupied)
            }
            Self::Before(visit) => {
                visit.practitioner_id == wanted.practitioner_id && visit.occupied == wanted.occupied
            }
        }
    }
}

/// Books those of a wave that can be booked, and says which of the practitioners' times are gone.
async fn write(
    transaction: &Transaction<'_>,
    mut wave: Vec<Candidate>,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<Vec<Taken>, Failure> {
    // One order for everybody: two workers that want the same times wait for each other at most
    // one way.
    wave.sort_unstable_by_key(|candidate| {
        (candidate.visit.practitioner_id, candidate.visit.slot.start)
    });
    let visits: Vec<NewAppointment> = wave.iter().map(|candidate| candidate.visit).collect();
    let booked = appointments::insert(transaction, &visits, now).await?;
    let (booked, refused): (Vec<Candidate>, Vec<Candidate>) =
        wave.into_iter().partition(|candidate| booked.contains(&candidate.visit.id));

    let mut taken = Vec::with_capacity(booked.len());
    for candidate in booked {
        outcomes.set(candidate.index, candidate.outcome());
        taken.push(Taken::Booked(candidate.visit));
    }
    for (candidate, busy) in with_busy(transaction, refused).await? {
        match busy {
            Busy { practitioner: true, .. } => {
                outcomes.reject(candidate.index, Rejection::SlotTaken);
                taken.push(Taken::Before(candidate.visit));
            }
            Busy { patient: true, .. } => {
                outcomes.reject(candidate.index, Rejection::PatientBusy);
            }
            // What stood in the way was called off meanwhile.
            Busy { .. } => return Err(Failure::Contended(Contention::ChangedMeanwhile)),
        }
    }
    Ok(taken)
}

async fn with_busy(
    transaction: &Transaction<'_>,
    refused: Vec<Candidate>,
) -> Result<Vec<(Candidate, Busy)>, Failure> {
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    let visits: Vec<NewAppointment> = refused.iter().map(|candidate| candidate.visit).collect();
    let busy = appointments::busy(transaction, &visits).await?;
    Ok(refused.into_iter().zip(busy).collect())
}
