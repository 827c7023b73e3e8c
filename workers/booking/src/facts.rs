//! What a segment needs to know, read in one go.

use std::collections::{HashMap, HashSet};

use contracts::{AppointmentState, BookingCommand, IdempotencyId, LocationState, ServiceState};
use domain::{
    AppointmentId, Availability, CorrelationId, HealthcareServiceId, LocationId, PatientId,
    PractitionerId, RequestId,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use store::booking::inbox::{self, Settled};
use store::booking::practitioners::{self, Standing};
use store::booking::{
    Failure, Transaction, appointments, availability, correlation, locations, patients, services,
};
use uuid::Uuid;

use crate::Request;

/// What the database says, as of the beginning of the transaction.
#[derive(Debug)]
pub(crate) struct Facts {
    pub settled: HashMap<RequestId, Settled>,
    pub key_holders: HashMap<Uuid, RequestId>,
    pub practitioners: HashMap<PractitionerId, Standing>,
    /// Of those practitioners that somebody wants to book, or whose dates change.
    pub hours: HashMap<PractitionerId, Availability>,
    pub patients: HashSet<PatientId>,
    /// Those that somebody wants to cancel.
    pub appointments: HashMap<AppointmentId, AppointmentState>,
    /// Those that somebody names.
    pub services: HashMap<HealthcareServiceId, ServiceState>,
    /// Those that somebody names.
    pub locations: HashMap<LocationId, LocationState>,
    /// All of them.
    pub inactive_locations: HashSet<LocationId>,
    /// How far ahead a standard visit can be booked.
    pub standard_horizon_days: u16,
}

impl Facts {
    pub async fn read(
        transaction: &Transaction<'_>,
        requests: &[Request<'_>],
        now: Timestamp,
        standard_horizon_days: u16,
    ) -> Result<Self, Failure> {
        let questions = Questions::of(requests);
        let from = first_date(now);
        // The first to fail is the first to be seen.
        let answers = tokio::try_join!(
            biased;
            inbox::settled(transaction, &questions.requests),
            inbox::key_holders(transaction, &questions.keys),
            practitioners::standings(transaction, &questions.practitioners),
            availability::hours(transaction, &questions.booked, from),
            patients::existing(transaction, &questions.patients),
            appointments::states(transaction, &questions.cancelled),
            services::states(transaction, &questions.services),
            locations::states(transaction, &questions.locations),
            locations::inactive(transaction),
            correlation::log(transaction, &questions.correlations),
        )?;
        #[rustfmt::skip]
        let (settled, key_holders, practitioners, hours, patients, appointments, services,
            locations, inactive_locations, ()) = answers;
        Ok(Self {
            settled,
            key_holders,
            practitioners,
            hours,
            patients,
            appointments,
            services,
            locations,
            inactive_locations,
            standard_horizon_days,
        })
    }
}

/// The first date of which exceptions matter, whatever the zone: nothing before now changes.
pub(crate) fn first_date(now: Timestamp) -> Date {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.saturating_sub(2.days())
}

/// Whose rows are looked up, each once.
#[derive(Default)]
struct Questions {
    requests: Vec<RequestId>,
    keys: Vec<IdempotencyId>,
    correlations: Vec<CorrelationId>,
    practitioners: Vec<PractitionerId>,
    booked: Vec<PractitionerId>,
    patients: Vec<PatientId>,
    cancelled: Vec<AppointmentId>,
    services: Vec<HealthcareServiceId>,
    locations: Vec<LocationId>,
}

impl Questions {
    fn of(requests: &[Request<'_>]) -> Self {
        let mut questions = Self::default();
        for Request { metadata, command, .. } in requests {
            questions.requests.push(metadata.request_id);
            questions.keys.extend(metadata.idempotency_id);
            questions.correlations.push(metadata.correlation_id);
            match command {
                BookingCommand::Book(book) => {
                    questions.booked.push(book.practitioner_id);
                    questions.patients.push(book.patient_id);
                    questions.services.extend(book.service_id);
                    questions.locations.extend(book.location_id);
                }
                BookingCommand::Cancel(cancel) => questions.cancelled.push(cancel.appointment_id),
                BookingCommand::Withdraw(withdraw) => {
                    questions.requests.push(withdraw.request_id);
                    questions.keys.extend(withdraw.idempotency_id);
                }
                BookingCommand::SetAvailability(set) => {
                    questions.practitioners.push(set.practitioner_id);
                    for hours in &set.hours {
                        questions.services.extend(&hours.service_ids);
                        questions.locations.extend(hours.location_id);
                    }
                }
                BookingCommand::SetException(set) => {
                    questions.booked.push(set.practitioner_id);
                    for entry in &set.entries {
                        questions.services.extend(&entry.service_ids);
                        questions.locations.extend(entry.location_id);
                    }
                }
                BookingCommand::SetLocation(set) => {
                    questions.locations.extend(set.changed.map(|seen| seen.id));
                }
                BookingCommand::SetService(set) => {
                    questions.services.extend(set.changed.map(|seen| seen.id));
                }
            }
        }
        once(&mut questions.booked);
        once(&mut questions.patients);
        once(&mut questions.correlations);
        questions.practitioners.extend(&questions.booked);
        once(&mut questions.practitioners);
        once(&mut questions.services);
        once(&mut questions.locations);
        questions
    }
}

fn once<T: Ord>(ids: &mut Vec<T>) {
    ids.sort_unstable();
    ids.dedup();
}
