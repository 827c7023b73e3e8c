//! What a segment needs to know, read in one go.

use std::collections::{HashMap, HashSet};

use contracts::{
    AppointmentState, BookAppointment, BookingCommand, CareRelationState, IdempotencyId,
    LocationState, NoteState, ServiceState,
};
use domain::{
    AppointmentId, Availability, CareRelationId, CorrelationId, HealthcareServiceId, LocationId,
    NoteId, PatientId, PractitionerId, RequestId, SeriesId, StatusChange,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use store::booking::holds::ExpiredHold;
use store::booking::inbox::{self, Settled};
use store::booking::practitioners::{self, Standing};
use store::booking::{
    Failure, Transaction, appointments, availability, care_relations, correlation, history, holds,
    locations, notes, patients, services,
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
    /// Those that somebody names.
    pub appointments: HashMap<AppointmentId, AppointmentState>,
    /// Of those whose last status somebody takes back.
    pub histories: HashMap<AppointmentId, Vec<StatusChange>>,
    /// Those that somebody calls off.
    pub series: HashMap<SeriesId, Vec<AppointmentState>>,
    /// How many times those patients hold who want to hold one more.
    pub holds: HashMap<PatientId, i64>,
    pub notes: HashMap<NoteId, NoteState>,
    pub care_relations: HashMap<CareRelationId, CareRelationState>,
    /// Holds that stood in nobody's way but for form: this transaction has ended them.
    pub expired: Vec<ExpiredHold>,
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
        let asked = Questions::of(requests);
        let from = first_date(now);
        // The first to fail is the first to be seen. What locks comes first, while nothing is held
        // that anybody else could wait for.
        let ((), expired, settled, key_holders, practitioners, hours, patients, appointments, ()) =
            tokio::try_join!(
                biased;
                holds::lock(transaction, &asked.holders),
                holds::expire(transaction, &asked.booked, &asked.patients, now),
                inbox::settled(transaction, &asked.requests),
                inbox::key_holders(transaction, &asked.keys),
                practitioners::standings(transaction, &asked.practitioners),
                availability::hours(transaction, &asked.booked, from),
                patients::existing(transaction, &asked.patients),
                appointments::states(transaction, &asked.appointments),
                correlation::log(transaction, &asked.correlations),
            )?;
        let (services, locations, inactive_locations) = tokio::try_join!(
            biased;
            services::states(transaction, &asked.services),
            locations::states(transaction, &asked.locations),
            locations::inactive(transaction),
        )?;
        let (histories, series, holds, notes, care_relations) = tokio::try_join!(
            biased;
            history::changes(transaction, &asked.undone),
            appointments::of_series(transaction, &asked.series),
            holds::count(transaction, &asked.holders, now),
            notes::latest(transaction, &asked.notes),
            care_relations::states(transaction, &asked.care_relations),
        )?;
        let mut facts = Self {
            settled,
            key_holders,
            practitioners,
            hours,
            patients,
            appointments,
            histories,
            series,
            holds,
            notes,
            care_relations,
            expired,
            services,
            locations,
            inactive_locations,
            standard_horizon_days,
        };
        facts.read_of_moved(transaction, &asked, now).await?;
        Ok(facts)
    }

    /// Whoever moves a visit, or takes it up again, needs to know what its own row says first: with
    /// whom it is, for what and where.
    async fn read_of_moved(
        &mut self,
        transaction: &Transaction<'_>,
        asked: &Questions,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let moved = asked.moved.iter().chain(&asked.undone);
        let visits: Vec<_> = moved.filter_map(|id| self.appointments.get(id)).collect();
        if visits.is_empty() {
            return Ok(());
        }
        let mut whom: Vec<PractitionerId> = visits.iter().map(|it| it.practitioner_id).collect();
        let mut for_whom: Vec<PatientId> = visits.iter().map(|it| it.patient_id).collect();
        let mut what: Vec<_> = visits.iter().filter_map(|it| it.service_id).collect();
        let mut place: Vec<_> = visits.iter().filter_map(|it| it.location_id).collect();
        once(&mut whom);
        once(&mut for_whom);
        once(&mut what);
        once(&mut place);
        let (expired, practitioners, hours, services, locations) = tokio::try_join!(
            biased;
            holds::expire(transaction, &whom, &for_whom, now),
            practitioners::standings(transaction, &whom),
            availability::hours(transaction, &whom, first_date(now)),
            services::states(transaction, &what),
            locations::states(transaction, &place),
        )?;
        self.practitioners.extend(practitioners);
        self.hours.extend(hours);
        self.services.extend(services);
        self.locations.extend(locations);
        self.patients.extend(for_whom);
        for hold in &expired {
            if let Some(named) = self.appointments.get_mut(&hold.appointment.id) {
                named.clone_from(&hold.appointment);
            }
        }
        self.expired.extend(expired);
        Ok(())
    }

    /// The zone whose wall clock a practitioner's hours follow.
    pub fn zone_of(&self, practitioner: PractitionerId) -> Option<TimeZone> {
        TimeZone::get(self.hours.get(&practitioner)?.zone_name()).ok()
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
    /// Who want to hold one more time.
    holders: Vec<PatientId>,
    appointments: Vec<AppointmentId>,
    moved: Vec<AppointmentId>,
    undone: Vec<AppointmentId>,
    series: Vec<SeriesId>,
    notes: Vec<NoteId>,
    care_relations: Vec<CareRelationId>,
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
            questions.add(command);
        }
        once(&mut questions.booked);
        once(&mut questions.patients);
        once(&mut questions.holders);
        once(&mut questions.correlations);
        once(&mut questions.appointments);
        questions.practitioners.extend(&questions.booked);
        once(&mut questions.practitioners);
        once(&mut questions.services);
        once(&mut questions.locations);
        questions
    }

    fn add(&mut self, command: &BookingCommand) {
        match command {
            BookingCommand::Book(book) => self.add_visit(book),
            BookingCommand::Hold(hold) => {
                self.add_visit(hold);
                self.holders.push(hold.patient_id);
            }
            BookingCommand::BookSeries(series) => self.add_visit(&series.first),
            BookingCommand::Reschedule(reschedule) => {
                self.appointments.push(reschedule.appointment_id);
                self.moved.push(reschedule.appointment_id);
                self.booked.extend(reschedule.practitioner_id);
            }
            BookingCommand::UndoStatus(undo) => {
                self.appointments.push(undo.appointment_id);
                self.undone.push(undo.appointment_id);
            }
            BookingCommand::Cancel(cancel) => self.appointments.push(cancel.appointment_id),
            BookingCommand::Confirm(seen) | BookingCommand::Release(seen) => {
                self.appointments.push(seen.appointment_id);
            }
            BookingCommand::SetStatus(set) => self.appointments.push(set.appointment_id),
            BookingCommand::AddNote(note) => self.appointments.push(note.appointment_id),
            BookingCommand::ReviseNote(note) => self.notes.push(note.note_id),
            BookingCommand::CancelSeries(cancel) => self.series.push(cancel.series_id),
            BookingCommand::AssignCare(care) => {
                self.practitioners.push(care.practitioner_id);
                self.patients.push(care.patient_id);
            }
            BookingCommand::EndCare(end) => self.care_relations.push(end.care_relation_id),
            BookingCommand::Withdraw(withdraw) => {
                self.requests.push(withdraw.request_id);
                self.keys.extend(withdraw.idempotency_id);
            }
            BookingCommand::SetAvailability(set) => {
                self.practitioners.push(set.practitioner_id);
                for hours in &set.hours {
                    self.services.extend(&hours.service_ids);
                    self.locations.extend(hours.location_id);
                }
            }
            BookingCommand::SetException(set) => {
                self.booked.push(set.practitioner_id);
                for entry in &set.entries {
                    self.services.extend(&entry.service_ids);
                    self.locations.extend(entry.location_id);
                }
            }
            BookingCommand::SetLocation(set) => {
                self.locations.extend(set.changed.map(|seen| seen.id));
            }
            BookingCommand::SetService(set) => {
                self.services.extend(set.changed.map(|seen| seen.id));
            }
        }
    }

    fn add_visit(&mut self, wanted: &BookAppointment) {
        self.booked.push(wanted.practitioner_id);
        self.patients.push(wanted.patient_id);
        self.services.extend(wanted.service_id);
        self.locations.extend(wanted.location_id);
    }
}

fn once<T: Ord>(ids: &mut Vec<T>) {
    ids.sort_unstable();
    ids.dedup();
}
