//! `booking.book`: takes a slot; `booking.hold`: takes it for a while.

use std::collections::HashMap;

use contracts::{Applied, BookAppointment, Outcome, Rejection};
use domain::{
    Actor, AppointmentId, NotOffered, PatientId, RequestId, RequestedStart, Role, UserId, VisitType,
};
use jiff::Timestamp;
use store::booking::appointments::{self, Busy, NewAppointment};
use store::booking::{Contention, Failure, Transaction};

use crate::Rules;
use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// A slot that somebody wants: for good, or held for a while.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    pub order: Order<'a, BookAppointment>,
    pub is_hold: bool,
}

/// A booking whose form is right, and which waits to be written.
#[derive(Clone, Copy)]
struct Candidate {
    index: usize,
    visit: NewAppointment,
}

/// Settles bookings and holds as if they came one after the other.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    takings: &[Taking<'_>],
    facts: &Facts,
    rules: &Rules,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut waiting = Vec::with_capacity(takings.len());
    for Taking { order, is_hold } in takings {
        match visit(order, facts, now) {
            Ok(visit) => {
                let expires_at = is_hold.then(|| now + rules.hold);
                let visit = NewAppointment { expires_at, ..visit };
                waiting.push(Candidate { index: order.index, visit });
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    let mut held = Held { counts: facts.holds.clone(), limit: rules.holds_per_patient };
    while !waiting.is_empty() {
        let (mut wave, later) = first_wave(waiting);
        wave.retain(|candidate| {
            let may_be_taken = held.allows(&candidate.visit);
            if !may_be_taken {
                outcomes.reject(candidate.index, Rejection::TooManyHolds);
            }
            may_be_taken
        });
        let taken = write(transaction, wave, now, outcomes).await?;
        held.count(&taken);
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

/// How many times patients hold.
struct Held {
    counts: HashMap<PatientId, i64>,
    limit: u32,
}

impl Held {
    fn allows(&self, visit: &NewAppointment) -> bool {
        let held = self.counts.get(&visit.patient_id).copied().unwrap_or_default();
        visit.expires_at.is_none() || held < i64::from(self.limit)
    }

    fn count(&mut self, taken: &[Taken]) {
        for slot in taken {
            if let Taken::Booked(NewAppointment { expires_at: Some(_), patient_id, .. }) = slot {
                *self.counts.entry(*patient_id).or_default() += 1;
            }
        }
    }
}

/// The visit that is asked for, or why there can't be one whoever else has a visit then.
fn visit(
    order: &Order<'_, BookAppointment>,
    facts: &Facts,
    now: Timestamp,
) -> Result<NewAppointment, Rejection> {
    if !may_book_for(order.metadata.actor, order.command.patient_id) {
        return Err(Rejection::NotAllowed);
    }
    offered(order.command, order.metadata.request_id, facts, now)
}

/// As [`visit`], whoever asks.
pub(crate) fn offered(
    wanted: &BookAppointment,
    request_id: RequestId,
    facts: &Facts,
    now: Timestamp,
) -> Result<NewAppointment, Rejection> {
    let BookAppointment { practitioner_id, patient_id, start, service_id, location_id } = wanted;
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
        request_id,
        expires_at: None,
        series_id: None,
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

pub(crate) fn may_book_for(actor: Actor, patient: PatientId) -> bool {
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
    /// Whether what becomes of one may depend on the other: not both of them can be booked, or both
    /// are holds of a patient who may hold so many only.
    fn meets(&self, other: &Self) -> bool {
        let (a, b) = (&self.visit, &other.visit);
        let are_holds = a.expires_at.is_some() && b.expires_at.is_some();
        (are_holds && a.patient_id == b.patient_id)
            || (a.practitioner_id == b.practitioner_id && a.occupied.overlaps(&b.occupied))
            || (a.patient_id == b.patient_id && a.slot.overlaps(&b.slot))
    }

    fn outcome(&self) -> Outcome {
        Outcome::Applied { result: Applied::Appointment(self.visit.state()) }
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
