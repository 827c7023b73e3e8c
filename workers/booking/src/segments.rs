//! Cutting a batch where the order of its requests matters.
//!
//! Within one transaction bookings are done first. So a booking must not stand in one segment
//! with a change before it that it depends on: a cancelled visit of the same practitioner or
//! patient, other hours of the practitioner, another visit type or location. Changed hours say
//! which visits don't fit, so no visit is called off after them in the same segment, and the same
//! hours don't change twice in two ways. Nor must a request stand with its own withdrawal before
//! it, or with that of another request with its key.

use std::collections::HashSet;
use std::ops::Range;

use contracts::{BookingCommand, IdempotencyId};
use domain::{
    AppointmentId, HealthcareServiceId, LocationId, PatientId, PractitionerId, RequestId,
};
use store::booking::appointments::Parties;

use crate::Request;

/// What was changed since the last cut.
#[derive(Default)]
struct Changed {
    practitioners: HashSet<PractitionerId>,
    patients: HashSet<PatientId>,
    requests: HashSet<RequestId>,
    keys: HashSet<IdempotencyId>,
    weeks: HashSet<PractitionerId>,
    dates: HashSet<PractitionerId>,
    services: HashSet<HealthcareServiceId>,
    locations: HashSet<LocationId>,
}

impl Changed {
    fn concerns(&self, Request { metadata, command, .. }: &Request<'_>) -> bool {
        let is_withdrawn = self.requests.contains(&metadata.request_id)
            || metadata.idempotency_id.is_some_and(|key| self.keys.contains(&key));
        let depends = match command {
            BookingCommand::Book(book) => {
                self.practitioners.contains(&book.practitioner_id)
                    || self.patients.contains(&book.patient_id)
                    || book.service_id.is_some_and(|id| self.services.contains(&id))
                    // Where it takes place may follow from the hours alone.
                    || !self.locations.is_empty()
            }
            BookingCommand::Cancel(_) => !self.weeks.is_empty() || !self.dates.is_empty(),
            BookingCommand::Withdraw(_) => false,
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
        };
        is_withdrawn || depends
    }

    fn note(&mut self, command: &BookingCommand, parties: &Parties) {
        match command {
            BookingCommand::Book(_) => {}
            BookingCommand::Cancel(cancel) => {
                if let Some((practitioner, patient)) = parties.get(&cancel.appointment_id) {
                    self.practitioners.insert(*practitioner);
                    self.patients.insert(*patient);
                }
            }
            BookingCommand::Withdraw(withdraw) => {
                self.requests.insert(withdraw.request_id);
                self.keys.extend(withdraw.idempotency_id);
            }
            BookingCommand::SetAvailability(set) => {
                self.practitioners.insert(set.practitioner_id);
                self.weeks.insert(set.practitioner_id);
            }
            BookingCommand::SetException(set) => {
                self.practitioners.insert(set.practitioner_id);
                self.dates.insert(set.practitioner_id);
            }
            // What is new, nobody can name yet.
            BookingCommand::SetLocation(set) => {
                self.locations.extend(set.changed.map(|seen| seen.id));
            }
            BookingCommand::SetService(set) => {
                self.services.extend(set.changed.map(|seen| seen.id));
            }
        }
    }
}

/// Ranges of the batch, in order, each to be settled in a transaction of its own. `parties`
/// names those of the visits in [`cancelled_before_bookings`] that exist.
pub(crate) fn split(requests: &[Request<'_>], parties: &Parties) -> Vec<Range<usize>> {
    let mut segments = Vec::with_capacity(1);
    let mut start = 0;
    let mut changed = Changed::default();
    for (index, request) in requests.iter().enumerate() {
        if changed.concerns(request) {
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

/// The visits whose practitioner and patient matter for the cut: those of cancellations that
/// have a booking after them.
pub(crate) fn cancelled_before_bookings(requests: &[Request<'_>]) -> Vec<AppointmentId> {
    let is_booking = |request: &Request<'_>| matches!(request.command, BookingCommand::Book(_));
    let last_booking = requests.iter().rposition(is_booking).unwrap_or(0);
    let cancelled = |request: &Request<'_>| match request.command {
        BookingCommand::Cancel(cancel) => Some(cancel.appointment_id),
        _ => None,
    };
    requests[..last_booking].iter().filter_map(cancelled).collect()
}

#[cfg(test)]
mod tests {
    use contracts::commands::Seen;
    use contracts::{
        BookAppointment, CancelAppointment, Metadata, SetAvailability, SetException, SetLocation,
        SetService, WithdrawRequest,
    };
    use domain::{Actor, CancelationReason, CorrelationId, Modality, RequestedStart, Role, UserId};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// Practitioners, patients and visits by number; visit `n` is of practitioner and patient `n`.
    fn id<T: From<Uuid>>(number: u128) -> T {
        Uuid::from_u128(number).into()
    }

    fn book(practitioner: u128, patient: u128) -> BookingCommand {
        BookingCommand::Book(BookAppointment {
            practitioner_id: id(practitioner),
            patient_id: id(patient),
            start: RequestedStart::Instant(Timestamp::UNIX_EPOCH),
            service_id: None,
            location_id: None,
        })
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
        BookingCommand::Withdraw(WithdrawRequest::of(&target, contracts::BookingKind::Book, 1))
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
    fn only_cancellations_before_a_booking_are_looked_up() {
        let metadata = metadata(0);
        let commands = [cancel(1), book(1, 1), cancel(2)];
        let requests = commands.each_ref().map(|command| Request {
            metadata: &metadata,
            command,
            stream_sequence: 1,
        });
        assert_eq!(cancelled_before_bookings(&requests), [id(1)]);
    }
}
