//! `booking.add-note` and `booking.revise-note`: what a doctor writes down of a visit.

use std::collections::HashMap;

use contracts::{AddNote, Applied, AppointmentState, NoteState, Rejection, ReviseNote};
use domain::{Actor, AppointmentStatus, NoteId, Role, UserId};
use jiff::Timestamp;
use store::booking::notes::{self, NewVersion};
use store::booking::{Contention, Failure, Transaction};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// The version of a note that was just written.
const FIRST_VERSION: i32 = 1;

/// Settles notes, and new versions of others, as if they came one after the other.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    added: &[Order<'_, AddNote>],
    revised: &[Order<'_, ReviseNote>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let mut written = Vec::with_capacity(added.len() + revised.len());
    for order in added {
        let visit = facts.appointments.get(&order.command.appointment_id);
        match first_version(order.metadata.actor, visit) {
            Ok(note) => written.push((order.index, note, order.metadata, &order.command.text)),
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    let mut latest: HashMap<NoteId, NoteState> = HashMap::new();
    for order in revised {
        let ReviseNote { note_id, version, text } = order.command;
        let current = latest.get(note_id).or_else(|| facts.notes.get(note_id));
        match next_version(order.metadata.actor, current, *version) {
            Ok(note) => {
                latest.insert(*note_id, note.clone());
                written.push((order.index, note, order.metadata, text));
            }
            Err(reason) => outcomes.reject(order.index, reason),
        }
    }
    if written.is_empty() {
        return Ok(());
    }
    let versions: Vec<NewVersion<'_>> = written
        .iter()
        .map(|(_, note, metadata, text)| NewVersion { note, text, request_id: metadata.request_id })
        .collect();
    if notes::insert(transaction, &versions, now).await? < versions.len() as u64 {
        return Err(Failure::Contended(Contention::ChangedMeanwhile));
    }
    for (index, note, ..) in written {
        outcomes.apply(index, Applied::Note(note));
    }
    Ok(())
}

/// A new note about a visit: by whoever treats the patient in it.
fn first_version(actor: Actor, visit: Option<&AppointmentState>) -> Result<NoteState, Rejection> {
    if actor.role != Role::Doctor {
        return Err(Rejection::NotAllowed);
    }
    let visit = visit
        .filter(|visit| UserId::from(visit.practitioner_id) == actor.id)
        .ok_or(Rejection::UnknownAppointment)?;
    // A hold is no visit yet.
    if visit.status == AppointmentStatus::Pending {
        return Err(Rejection::StatusConflict);
    }
    Ok(NoteState {
        id: NoteId::generate(),
        version: FIRST_VERSION,
        appointment_id: visit.id,
        patient_id: visit.patient_id,
        practitioner_id: visit.practitioner_id,
    })
}

/// The next version of a note: by whoever wrote the first.
fn next_version(
    actor: Actor,
    current: Option<&NoteState>,
    version: i32,
) -> Result<NoteState, Rejection> {
    if actor.role != Role::Doctor {
        return Err(Rejection::NotAllowed);
    }
    let current = current
        .filter(|note| UserId::from(note.practitioner_id) == actor.id)
        .ok_or(Rejection::UnknownNote)?;
    if current.version != version {
        return Err(Rejection::VersionMismatch);
    }
    Ok(NoteState { version: version + 1, ..current.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{actor, booked};

    #[test]
    fn only_who_treats_writes_and_only_the_author_revises() {
        let (doctor, visit) = (actor(1, Role::Doctor), booked());
        let note = first_version(doctor, Some(&visit)).unwrap();
        assert_eq!((note.version, note.patient_id), (1, visit.patient_id));
        let unknown = Err(Rejection::UnknownAppointment);
        assert_eq!(first_version(actor(8, Role::Doctor), Some(&visit)), unknown);
        assert_eq!(first_version(doctor, None), unknown);
        assert_eq!(next_version(doctor, Some(&note), 1).unwrap().version, 2);
        assert_eq!(next_version(doctor, Some(&note), 2), Err(Rejection::VersionMismatch));
        let colleague = actor(8, Role::Doctor);
        assert_eq!(next_version(colleague, Some(&note), 1), Err(Rejection::UnknownNote));
        for role in [Role::Patient, Role::Admin, Role::Operator] {
            let other = actor(1, role);
            assert_eq!(first_version(other, Some(&visit)), Err(Rejection::NotAllowed));
            assert_eq!(next_version(other, Some(&note), 1), Err(Rejection::NotAllowed));
        }
    }

    #[test]
    fn a_hold_is_nothing_to_write_about() {
        let held = AppointmentState { status: AppointmentStatus::Pending, ..booked() };
        let note = first_version(actor(1, Role::Doctor), Some(&held));
        assert_eq!(note, Err(Rejection::StatusConflict));
    }
}
