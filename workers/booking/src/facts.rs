//! What a segment needs to know, read in one go.

use std::collections::{HashMap, HashSet};

use contracts::{AppointmentState, BookingCommand, IdempotencyId};
use domain::{AppointmentId, Availability, CorrelationId, PatientId, PractitionerId, RequestId};
use store::booking::inbox::{self, Settled};
use store::booking::practitioners::{self, Standing};
use store::booking::{Failure, Transaction, appointments, availability, correlation, patients};
use uuid::Uuid;

use crate::Request;

/// What the database says, as of the beginning of the transaction.
#[derive(Debug)]
pub(crate) struct Facts {
    pub settled: HashMap<RequestId, Settled>,
    pub key_holders: HashMap<Uuid, RequestId>,
    pub practitioners: HashMap<PractitionerId, Standing>,
    /// Of those practitioners that somebody wants to book.
    pub weeks: HashMap<PractitionerId, Availability>,
    pub patients: HashSet<PatientId>,
    /// Those that somebody wants to cancel.
    pub appointments: HashMap<AppointmentId, AppointmentState>,
}

impl Facts {
    pub async fn read(
        transaction: &Transaction<'_>,
        requests: &[Request<'_>],
    ) -> Result<Self, Failure> {
        let questions = Questions::of(requests);
        // The first to fail is the first to be seen.
        let answers = tokio::try_join!(
            biased;
            inbox::settled(transaction, &questions.requests),
            inbox::key_holders(transaction, &questions.keys),
            practitioners::standings(transaction, &questions.practitioners),
            availability::weeks(transaction, &questions.booked),
            patients::existing(transaction, &questions.patients),
            appointments::states(transaction, &questions.cancelled),
            correlation::log(transaction, &questions.correlations),
        )?;
        let (settled, key_holders, practitioners, weeks, patients, appointments, ()) = answers;
        Ok(Self { settled, key_holders, practitioners, weeks, patients, appointments })
    }
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
                }
                BookingCommand::Cancel(cancel) => questions.cancelled.push(cancel.appointment_id),
                BookingCommand::Withdraw(withdraw) => {
                    questions.requests.push(withdraw.request_id);
                    questions.keys.extend(withdraw.idempotency_id);
                }
                BookingCommand::SetAvailability(set) => {
                    questions.practitioners.push(set.practitioner_id);
                }
            }
        }
        once(&mut questions.booked);
        once(&mut questions.patients);
        once(&mut questions.correlations);
        questions.practitioners.extend(&questions.booked);
        once(&mut questions.practitioners);
        questions
    }
}

fn once<T: Ord>(ids: &mut Vec<T>) {
    ids.sort_unstable();
    ids.dedup();
}
