//! What a segment leaves behind: history, facts to publish, and, last, the inbox.

use std::collections::HashMap;

use contracts::audit::StatedReason;
use contracts::{
    Applied, AppointmentEvent, AppointmentState, AvailabilityChanged, BookingCommand, CareEvent,
    EventKind, LocationChanged, NoteEvent, Outcome, PreviousTime, ServiceChanged,
};
use domain::{Actor, CorrelationId, Role};
use jiff::Timestamp;
use store::booking::history::Change;
use store::booking::holds::ExpiredHold;
use store::booking::inbox::Ending;
use store::booking::outbox::{Fact, NewEvent};
use store::booking::{Failure, Transaction, history, inbox, outbox};

use crate::Request;

/// Hours have no version: the last change is the one that counts.
const NO_VERSION: i32 = 0;

/// The rows to be written.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    now: Timestamp,
    /// By index: when visits that were moved would have been.
    moved: HashMap<usize, PreviousTime>,
    changes: Vec<Change<'a>>,
    events: Vec<NewEvent<'a>>,
    endings: Vec<Ending<'a>>,
}

impl<'a> Record<'a> {
    pub fn new(count: usize, now: Timestamp, moved: HashMap<usize, PreviousTime>) -> Self {
        Self {
            now,
            moved,
            changes: Vec::with_capacity(count),
            events: Vec::with_capacity(count),
            endings: Vec::with_capacity(count),
        }
    }

    /// A request that ended, and what follows from how it did.
    pub fn add(
        &mut self,
        index: usize,
        request: &Request<'a>,
        outcome: &'a Outcome,
        keeps_key: bool,
    ) {
        match outcome.result() {
            Some(Applied::Appointment(appointment)) => {
                let previous = self.moved.remove(&index);
                self.add_change(request, appointment, previous);
            }
            Some(Applied::Series(series)) => {
                for appointment in &series.appointments {
                    self.add_change(request, appointment, None);
                }
            }
            Some(Applied::Note(note)) => {
                let fact = Fact::Note(NoteEvent { note: note.clone(), occurred_at: self.now });
                self.add_event(request, EventKind::NoteWritten, note.version, fact);
            }
            Some(Applied::CareRelation(relation)) => {
                let kind = match request.command {
                    BookingCommand::EndCare(_) => EventKind::CareEnded,
                    _ => EventKind::CareAssigned,
                };
                let care_relation = relation.clone();
                let fact = Fact::Care(CareEvent { care_relation, occurred_at: self.now });
                self.add_event(request, kind, NO_VERSION, fact);
            }
            Some(
                Applied::Availability { practitioner_id, .. }
                | Applied::Exception { practitioner_id, .. },
            ) => {
                let changed = AvailabilityChanged {
                    practitioner_id: *practitioner_id,
                    occurred_at: self.now,
                };
                let fact = Fact::Availability(changed);
                self.add_event(request, EventKind::AvailabilityChanged, NO_VERSION, fact);
            }
            Some(Applied::Location(location)) => {
                let version = location.version;
                let (location, occurred_at) = (location.clone(), self.now);
                let fact = Fact::Location(LocationChanged { location, occurred_at });
                self.add_event(request, EventKind::LocationChanged, version, fact);
            }
            Some(Applied::Service(service)) => {
                let version = service.version;
                let (service, occurred_at) = (service.clone(), self.now);
                let fact = Fact::Service(ServiceChanged { service, occurred_at });
                self.add_event(request, EventKind::ServiceChanged, version, fact);
            }
            Some(Applied::Withdrawal { .. }) | None => {}
        }
        let metadata = request.metadata;
        self.endings.push(Ending {
            id: metadata.request_id,
            kind: request.command.kind(),
            caller_id: metadata.actor.id,
            idempotency_id: metadata.idempotency_id.filter(|_| keeps_key),
            outcome,
            correlation_id: metadata.correlation_id,
            stream_sequence: request.stream_sequence,
            accepted_at: metadata.accepted_at,
        });
    }

    /// A request that is ended by another.
    pub fn add_ending(&mut self, ending: Ending<'a>) {
        self.endings.push(ending);
    }

    /// A hold that this transaction found expired. It is its patient's, and nobody ended it; what
    /// is told of whoever came upon it is their correlation id only.
    pub fn add_expired(&mut self, hold: &'a ExpiredHold, correlation_id: CorrelationId) {
        let ExpiredHold { appointment, request_id } = hold;
        let actor = Actor { id: appointment.patient_id.into(), role: Role::Patient };
        let request_id = *request_id;
        let is_undo = false;
        self.changes.push(Change { appointment, actor, request_id, correlation_id, is_undo });
        self.events.push(NewEvent {
            kind: EventKind::AppointmentCancelled,
            aggregate_version: appointment.version,
            fact: self.fact(appointment, None, None),
            correlation_id,
            request_id,
            actor,
            trace: None,
        });
    }

    fn add_change(
        &mut self,
        request: &Request<'a>,
        appointment: &'a AppointmentState,
        previous: Option<PreviousTime>,
    ) {
        let metadata = request.metadata;
        self.changes.push(Change {
            appointment,
            actor: metadata.actor,
            request_id: metadata.request_id,
            correlation_id: metadata.correlation_id,
            is_undo: matches!(request.command, BookingCommand::UndoStatus(_)),
        });
        let (kind, override_reason) = kind_of_change(request.command);
        let fact = self.fact(appointment, previous, override_reason);
        self.add_event(request, kind, appointment.version, fact);
    }

    fn fact(
        &self,
        appointment: &AppointmentState,
        previous: Option<PreviousTime>,
        override_reason: Option<&StatedReason>,
    ) -> Fact {
        Fact::Appointment(AppointmentEvent {
            appointment: appointment.clone(),
            occurred_at: self.now,
            previous,
            override_reason: override_reason.cloned(),
        })
    }

    fn add_event(
        &mut self,
        request: &Request<'a>,
        kind: EventKind,
        aggregate_version: i32,
        fact: Fact,
    ) {
        let metadata = request.metadata;
        self.events.push(NewEvent {
            kind,
            aggregate_version,
            fact,
            correlation_id: metadata.correlation_id,
            request_id: metadata.request_id,
            actor: metadata.actor,
            trace: metadata.trace.as_ref(),
        });
    }

    /// Writes all rows. The inbox is last, because its keys are what another worker with the
    /// same request waits for: the shorter they are held, the better.
    pub async fn write(self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        tokio::try_join!(
            biased;
            history::insert(transaction, &self.changes, self.now),
            outbox::insert(transaction, &self.events, self.now),
            inbox::insert(transaction, &self.endings, self.now),
        )?;
        Ok(())
    }
}

/// What a command does to the visits that it changes, and why it did so although it was too late.
fn kind_of_change(command: &BookingCommand) -> (EventKind, Option<&StatedReason>) {
    match command {
        BookingCommand::Hold(_) => (EventKind::AppointmentHeld, None),
        BookingCommand::Reschedule(reschedule) => {
            (EventKind::AppointmentRescheduled, reschedule.override_reason.as_ref())
        }
        BookingCommand::SetStatus(_) | BookingCommand::UndoStatus(_) => {
            (EventKind::AppointmentStatusChanged, None)
        }
        BookingCommand::Cancel(cancel) => {
            (EventKind::AppointmentCancelled, cancel.override_reason.as_ref())
        }
        BookingCommand::CancelSeries(cancel) => {
            (EventKind::AppointmentCancelled, cancel.override_reason.as_ref())
        }
        BookingCommand::Release(_) => (EventKind::AppointmentCancelled, None),
        // Of the others, none but these change visits: booked, confirmed, booked as a series.
        _ => (EventKind::AppointmentBooked, None),
    }
}
