//! Cutting a batch where the order of its requests matters.
//!
//! Within one transaction, what takes time goes first: bookings and holds, series, visits that are
//! moved, those that are taken up again. So none of these may stand in one segment with a change
//! before it that it depends on: of a visit of the same practitioner or patient, of the
//! practitioner's hours, of a visit type or location. Changed hours say which visits don't fit, so
//! no visit changes after them in the same segment, and the same hours don't change twice in two
//! ways. Nor may two different changes of one visit stand together, nor a request with its own
//! withdrawal before it, or with that of another request with its key. What changes rows that only
//! the database knows stands alone.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use contracts::{BookingCommand, BookingKind, IdempotencyId};
use domain::{
    AppointmentId, HealthcareServiceId, LocationId, PatientId, PractitionerId, RequestId,
};
use store::booking::appointments::Parties;

use crate::Request;

/// The visit that a command names.
fn named(command: &BookingCommand) -> Option<AppointmentId> {
    match command {
        BookingCommand::Cancel(cancel) => Some(cancel.appointment_id),
        BookingCommand::Confirm(seen)
        | BookingCommand::Release(seen)
        | BookingCommand::UndoStatus(seen) => Some(seen.appointment_id),
        BookingCommand::Reschedule(reschedule) => Some(reschedule.appointment_id),
        BookingCommand::SetStatus(set) => Some(set.appointment_id),
        BookingCommand::AddNote(note) => Some(note.appointment_id),
        BookingCommand::Book(_)
        | BookingCommand::Hold(_)
        | BookingCommand::BookSeries(_)
        | BookingCommand::CancelSeries(_)
        | BookingCommand::ReviseNote(_)
        | BookingCommand::AssignCare(_)
        | BookingCommand::EndCare(_)
        | BookingCommand::Withdraw(_)
        | BookingCommand::SetAvailability(_)
        | BookingCommand::SetException(_)
        | BookingCommand::SetLocation(_)
        | BookingCommand::SetService(_) => None,
    }
}

/// Whether a command takes time that others may want.
fn takes_time(command: &BookingCommand) -> bool {
    matches!(
        command,
        BookingCommand::Book(_)
            | BookingCommand::Hold(_)
            | BookingCommand::BookSeries(_)
            | BookingCommand::Reschedule(_)
            | BookingCommand::UndoStatus(_)
    )
}

/// Whether only the database knows what a command changes.
fn stands_alone(command: &BookingCommand) -> bool {
    matches!(command, BookingCommand::CancelSeries(_) | BookingCommand::EndCare(_))
}

/// Whose time a command is about.
fn concerned(
    command: &BookingCommand,
    parties: &Parties,
) -> (Vec<PractitionerId>, Option<PatientId>) {
    match command {
        BookingCommand::Book(book) | BookingCommand::Hold(book) => {
            (vec![book.practitioner_id], Some(book.patient_id))
        }
        BookingCommand::BookSeries(series) => {
            (vec![series.first.practitioner_id], Some(series.first.patient_id))
        }
        BookingCommand::SetAvailability(set) => (vec![set.practitioner_id], None),
        BookingCommand::SetException(set) => (vec![set.practitioner_id], None),
        command => {
            let known = named(command).and_then(|id| parties.get(&id));
            let mut practitioners: Vec<_> = known.map(|(whose, _)| *whose).into_iter().collect();
            if let BookingCommand::Reschedule(reschedule) = command {
                practitioners.extend(reschedule.practitioner_id);
            }
            (practitioners, known.map(|(_, patient)| *patient))
        }
    }
}

/// What was changed since the last cut.
#[derive(Default)]
struct Changed {
    practitioners: HashSet<PractitionerId>,
    patients: HashSet<PatientId>,
    appointments: HashMap<AppointmentId, BookingKind>,
    requests: HashSet<RequestId>,
    keys: HashSet<IdempotencyId>,
    weeks: HashSet<PractitionerId>,
    dates: HashSet<PractitionerId>,
    services: HashSet<HealthcareServiceId>,
    locations: HashSet<LocationId>,
    /// Something that stands alone stands here.
    is_closed: bool,
}

impl Changed {
    fn concerns(&self, Request { metadata, command, .. }: &Request<'_>, parties: &Parties) -> bool {
        let is_withdrawn = self.requests.contains(&metadata.request_id)
            || metadata.idempotency_id.is_some_and(|key| self.keys.contains(&key));
        let depends = takes_time(command) && {
            let (practitioners, patient) = concerned(command, parties);
            practitioners.iter().any(|it| self.practitioners.contains(it))
                || patient.is_some_and(|patient| self.patients.contains(&patient))
                || self.is_about_changed_services(command)
                // Where it takes place may follow from the hours alone.
                || !self.locations.is_empty()
        };
        let depends = depends || self.meets_changed_hours(command);
        let is_changed_otherwise = named(command)
            .and_then(|id| self.appointments.get(&id))
            .is_some_and(|kind| *kind != command.kind() || !stands_with_its_like(*kind));
        self.is_closed || is_withdrawn || depends || is_changed_otherwise
    }

    /// Whether what takes time is of a type that was changed, or may be.
    fn is_about_changed_services(&self, command: &BookingCommand) -> bool {
        match command {
            BookingCommand::Book(visit) | BookingCommand::Hold(visit) => {
                visit.service_id.is_some_and(|id| self.services.contains(&id))
            }
            BookingCommand::BookSeries(series) => {
                series.first.service_id.is_some_and(|id| self.services.contains(&id))
            }
            _ => !self.services.is_empty(),
        }
    }

    /// Whether the outcome of changed hours, or of changing them again, would be another one.
    fn meets_changed_hours(&self, command: &BookingCommand) -> bool {
        match command {
            BookingCommand::SetAvailability(set) => self.dates.contains(&set.practitioner_id),
            BookingCommand::SetException(set) => {
                self.weeks.contains(&set.practitioner_id)
                    || self.dates.contains(&set.practitioner_id)
            }
            BookingCommand::SetLocation(set) => {
                set.changed.is_some_and(|seen| self.locations.contains(&seen.id))
            }
            BookingCommand::SetService(set) => {
                set.changed.is_some_and(|seen| self.services.contains(&seen.id))
            }
            command => {
                named(command).is_some() && !(self.weeks.is_empty() && self.dates.is_empty())
            }
        }
    }

    fn note(&mut self, command: &BookingCommand, parties: &Parties) {
        self.is_closed = stands_alone(command);
        if let Some(id) = named(command) {
            self.appointments.insert(id, command.kind());
        }
        match command {
            BookingCommand::Withdraw(withdraw) => {
                self.requests.insert(withdraw.request_id);
                self.keys.extend(withdraw.idempotency_id);
            }
            BookingCommand::SetAvailability(set) => drop(self.weeks.insert(set.practitioner_id)),
            BookingCommand::SetException(set) => drop(self.dates.insert(set.practitioner_id)),
            // What is new, nobody can name yet.
            BookingCommand::SetLocation(set) => {
                self.locations.extend(set.changed.map(|seen| seen.id));
            }
            BookingCommand::SetService(set) => {
                self.services.extend(set.changed.map(|seen| seen.id));
            }
            _ => {}
        }
        // Among themselves they are settled in their order.
        if !matches!(command, BookingCommand::Book(_) | BookingCommand::Hold(_)) {
            let (practitioners, patient) = concerned(command, parties);
            self.practitioners.extend(practitioners);
            self.patients.extend(patient);
        }
    }
}

/// Whether several commands of this kind about one visit are settled in their order.
fn stands_with_its_like(kind: BookingKind) -> bool {
    matches!(kind, BookingKind::Cancel | BookingKind::AddNote)
}

/// Ranges of the batch, in order, each to be settled in a transaction of its own. `parties`
/// names those of the visits in [`named_before_takings`] that exist.
pub(crate) fn split(requests: &[Request<'_>], parties: &Parties) -> Vec<Range<usize>> {
    let mut segments = Vec::with_capacity(1);
    let mut start = 0;
    let mut changed = Changed::default();
    for (index, request) in requests.iter().enumerate() {
        let is_cut = changed.concerns(request, parties) || stands_alone(request.command);
        if is_cut && start < index {
            segments.push(start..index);
            start = index;
            changed = Changed::default();
        }
        changed.note(request.command, parties);
    }
    if start < requests.len() {
        segments.push(start..requests.len());
    }
    segments
}

/// The visits whose practitioner and patient matter for the cut: those that are named up to where
/// something takes time for the last time.
pub(crate) fn named_before_takings(requests: &[Request<'_>]) -> Vec<AppointmentId> {
    let last = requests.iter().rposition(|request| takes_time(request.command));
    match last {
        Some(last) if last > 0 => {
            requests[..=last].iter().filter_map(|request| named(request.command)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use contracts::commands::Seen;
    use contracts::{
        BookAppointment, BookSeries, CancelAppointment, CancelSeries, Metadata,
        RescheduleAppointment, SeenAppointment, SetAppointmentStatus, SetAvailability,
        SetException, SetLocation, SetService, WithdrawRequest,
    };
    use domain::{
        Actor, AppointmentStatus, CancelationReason, CorrelationId, Modality, RequestedStart, Role,
        SeriesId, UserId,
    };
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// Practitioners, patients and visits by number; visit `n` is of practitioner and patient `n`.
    fn id<T: From<Uuid>>(number: u128) -> T {
        Uuid::from_u128(number).into()
    }

    fn booking(practitioner: u128, patient: u128) -> BookAppointment {
        BookAppointment {
            practitioner_id: id(practitioner),
            patient_id: id(patient),
            start: RequestedStart::Instant(Timestamp::UNIX_EPOCH),
            service_id: None,
            location_id: None,
        }
    }

    fn book(practitioner: u128, patient: u128) -> BookingCommand {
        BookingCommand::Book(booking(practitioner, patient))
    }

    fn series(practitioner: u128, patient: u128) -> BookingCommand {
        let first = booking(practitioner, patient);
        BookingCommand::BookSeries(BookSeries { first, every_weeks: 1, count: 2 })
    }

    fn reschedule(visit: u128, practitioner: Option<u128>) -> BookingCommand {
        BookingCommand::Reschedule(RescheduleAppointment {
            appointment_id: id(visit),
            version: 1,
            start: RequestedStart::Instant(Timestamp::UNIX_EPOCH),
            practitioner_id: practitioner.map(id),
            override_reason: None,
        })
    }

    fn seen(visit: u128) -> SeenAppointment {
        SeenAppointment { appointment_id: id(visit), version: 1 }
    }

    fn arrived(visit: u128) -> BookingCommand {
        let status = AppointmentStatus::Arrived;
        let set = SetAppointmentStatus { appointment_id: id(visit), version: 1, status };
        BookingCommand::SetStatus(set)
    }

    fn book_at(service: Option<u128>, location: Option<u128>) -> BookingCommand {
        BookingCommand::Book(BookAppointment {
            practitioner_id: id(1),
            patient_id: id(1),
            start: RequestedStart::Instant(Timestamp::UNIX_EPOCH),
            service_id: service.map(id),
            location_id: location.map(id),
        })
    }

    fn set_date(practitioner: u128) -> BookingCommand {
        BookingCommand::SetException(SetException {
            practitioner_id: id(practitioner),
            date: jiff::civil::date(2027, 3, 1),
            entries: vec![],
        })
    }

    fn set_location(location: u128) -> BookingCommand {
        BookingCommand::SetLocation(SetLocation {
            changed: Some(Seen { id: id(location), version: 1 }),
            name: "Downtown".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            active: true,
        })
    }

    fn set_service(service: u128) -> BookingCommand {
        BookingCommand::SetService(SetService {
            changed: Some(Seen { id: id(service), version: 1 }),
            name: "First visit".to_owned(),
            specialty: None,
            modality: Modality::InPerson,
            duration_minutes: 30,
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            alignment_minutes: 30,
            minimum_notice_minutes: 0,
            horizon_days: 90,
            active: true,
        })
    }

    fn cancel(visit: u128) -> BookingCommand {
        BookingCommand::Cancel(CancelAppointment {
            appointment_id: id(visit),
            version: 1,
            reason: CancelationReason::Other,
            override_reason: None,
        })
    }

    fn set_hours(practitioner: u128) -> BookingCommand {
        BookingCommand::SetAvailability(SetAvailability {
            practitioner_id: id(practitioner),
            time_zone: "Europe/Berlin".to_owned(),
            slot_minutes: 30,
            hours: vec![],
        })
    }

    /// Withdraws the request at `index`.
    fn withdraw(index: u128) -> BookingCommand {
        let target = metadata(index);
        BookingCommand::Withdraw(WithdrawRequest::of(&target, BookingKind::Book, 1))
    }

    fn metadata(index: u128) -> Metadata {
        Metadata {
            correlation_id: CorrelationId::generate(),
            request_id: id(index),
            causation_id: None,
            reply_to: None,
            actor: Actor { id: UserId::generate(), role: Role::Admin },
            schema: String::new(),
            accepted_at: Timestamp::UNIX_EPOCH,
            idempotency_id: None,
            trace: None,
        }
    }

    /// Lengths of the segments.
    fn segments(commands: &[BookingCommand]) -> Vec<usize> {
        let metadata: Vec<Metadata> = (0..commands.len() as u128).map(metadata).collect();
        let requests: Vec<Request<'_>> = commands
            .iter()
            .zip(&metadata)
            .map(|(command, metadata)| Request { metadata, command, stream_sequence: 1 })
            .collect();
        let known = |visit| (id(visit), (id(visit), id(visit)));
        split(&requests, &(0..10).map(known).collect())
            .into_iter()
            .map(|range| range.len())
            .collect()
    }

    #[test]
    fn what_does_not_depend_on_each_other_stays_together() {
        assert_eq!(segments(&[]), [0; 0]);
        assert_eq!(segments(&[book(1, 1), book(1, 1), cancel(1), set_hours(1)]), [4]);
        assert_eq!(segments(&[cancel(1), set_hours(2), withdraw(9), book(3, 3)]), [4]);
        assert_eq!(segments(&[set_hours(1), set_hours(1), book(2, 2), set_date(2)]), [4]);
        assert_eq!(segments(&[set_service(1), book(1, 1), set_service(2)]), [3]);
        assert_eq!(segments(&[cancel(99), book(9, 9)]), [2], "there is no such visit");
    }

    #[test]
    fn a_booking_is_cut_off_from_a_change_before_it() {
        assert_eq!(segments(&[cancel(1), book(1, 2)]), [1, 1], "same practitioner");
        assert_eq!(segments(&[cancel(1), book(2, 1)]), [1, 1], "same patient");
        assert_eq!(segments(&[set_hours(1), book(2, 2), book(1, 1)]), [2, 1]);
        let busy = [cancel(1), book(1, 1), cancel(2), book(1, 1), book(2, 2), set_hours(1)];
        assert_eq!(segments(&busy), [1, 3, 2]);
    }

    #[test]
    fn a_booking_is_cut_off_from_a_changed_visit_type_place_or_date() {
        let first_visit = book_at(Some(1), None);
        assert_eq!(segments(&[set_service(1), first_visit.clone()]), [1, 1]);
        assert_eq!(segments(&[set_service(2), first_visit]), [2]);
        assert_eq!(segments(&[set_location(2), book_at(None, Some(1))]), [1, 1]);
        assert_eq!(segments(&[set_location(2), book(1, 1)]), [1, 1], "it may be there");
        assert_eq!(segments(&[set_date(1), book(1, 1), book(2, 2)]), [1, 2]);
    }

    #[test]
    fn what_says_which_visits_fit_is_cut_off_from_what_changes_that() {
        assert_eq!(segments(&[set_hours(1), cancel(2)]), [1, 1]);
        assert_eq!(segments(&[cancel(2), set_hours(1)]), [2], "cancellations are done first");
        assert_eq!(segments(&[set_hours(1), set_date(1), set_date(1), set_hours(1)]), [1, 1, 1, 1]);
        assert_eq!(segments(&[set_date(1), set_date(2), set_hours(3)]), [3]);
        assert_eq!(segments(&[set_service(1), set_service(1)]), [1, 1]);
        assert_eq!(segments(&[set_location(1), set_location(1)]), [1, 1]);
    }

    #[test]
    fn a_request_is_cut_off_from_its_withdrawal() {
        assert_eq!(segments(&[withdraw(1), cancel(1), book(2, 2)]), [1, 2]);
        assert_eq!(segments(&[book(1, 1), withdraw(0)]), [2], "it came too late");
    }

    #[test]
    fn whatever_takes_time_is_cut_off_from_what_changed_before_it() {
        use BookingCommand::{Confirm, Hold, Release, UndoStatus};
        assert_eq!(segments(&[Release(seen(1)), Hold(booking(1, 2))]), [1, 1]);
        assert_eq!(segments(&[Confirm(seen(1)), Hold(booking(2, 1))]), [1, 1], "holds count");
        assert_eq!(segments(&[reschedule(1, None), book(1, 2)]), [1, 1], "its old time is free");
        assert_eq!(segments(&[reschedule(1, Some(5)), book(5, 2)]), [1, 1], "its new one is not");
        assert_eq!(segments(&[series(1, 1), book(1, 2)]), [1, 1]);
        assert_eq!(segments(&[cancel(1), reschedule(2, Some(1))]), [1, 1]);
        assert_eq!(segments(&[set_hours(3), reschedule(3, None)]), [1, 1]);
        assert_eq!(segments(&[cancel(4), UndoStatus(seen(4))]), [1, 1]);
        let settled_in_order = [
            book(1, 1),
            Hold(booking(1, 2)),
            series(1, 3),
            reschedule(2, None),
            arrived(3),
            Confirm(seen(4)),
        ];
        assert_eq!(segments(&settled_in_order), [6]);
    }

    #[test]
    fn two_changes_of_one_visit_are_two_segments() {
        assert_eq!(segments(&[arrived(1), cancel(1)]), [1, 1]);
        assert_eq!(segments(&[arrived(1), arrived(1), arrived(2)]), [1, 2]);
        assert_eq!(segments(&[arrived(1), cancel(2)]), [2]);
    }

    #[test]
    fn the_end_of_a_series_stands_alone() {
        let end = BookingCommand::CancelSeries(CancelSeries {
            series_id: SeriesId::generate(),
            reason: CancelationReason::Other,
            override_reason: None,
        });
        assert_eq!(segments(&[arrived(1), end.clone(), arrived(2), book(3, 3)]), [1, 1, 2]);
        assert_eq!(segments(&[end.clone(), end]), [1, 1]);
    }

    #[test]
    fn only_visits_before_a_taking_are_looked_up() {
        let metadata = metadata(0);
        let commands = [cancel(1), book(1, 1), cancel(2)];
        let requests = commands.each_ref().map(|command| Request {
            metadata: &metadata,
            command,
            stream_sequence: 1,
        });
        assert_eq!(named_before_takings(&requests), [id(1)]);
    }
}
