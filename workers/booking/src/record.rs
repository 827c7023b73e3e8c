//! What a segment leaves behind: history, facts to publish, and, last, the inbox.

use contracts::{
    Applied, AppointmentEvent, AppointmentState, AvailabilityChanged, EventKind, LocationChanged,
    Outcome, ServiceChanged,
};
use domain::AppointmentStatus;
use jiff::Timestamp;
use store::booking::history::Change;
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
    changes: Vec<Change<'a>>,
    events: Vec<NewEvent<'a>>,
    endings: Vec<Ending<'a>>,
}

impl<'a> Record<'a> {
    pub fn with_capacity(count: usize, now: Timestamp) -> Self {
        Self {
            now,
            changes: Vec::with_capacity(count),
            events: Vec::with_capacity(count),
            endings: Vec::with_capacity(count),
        }
    }

    /// A request that ended, and what follows from how it did.
    pub fn add(&mut self, request: &Request<'a>, outcome: &'a Outcome, keeps_key: bool) {
        match outcome.result() {
            Some(Applied::Appointment(appointment)) => self.add_change(request, appointment),
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

    fn add_change(&mut self, request: &Request<'a>, appointment: &'a AppointmentState) {
        let metadata = request.metadata;
        self.changes.push(Change {
            appointment,
            actor: metadata.actor,
            request_id: metadata.request_id,
            correlation_id: metadata.correlation_id,
        });
        let kind = match appointment.status {
            AppointmentStatus::Cancelled => EventKind::AppointmentCancelled,
            _ => EventKind::AppointmentBooked,
        };
        let fact = Fact::Appointment(AppointmentEvent {
            appointment: appointment.clone(),
            occurred_at: self.now,
        });
        self.add_event(request, kind, appointment.version, fact);
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
