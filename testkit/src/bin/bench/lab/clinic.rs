//! Who is there, and what they want: bookings that can all be made, in an order in which
//! neighbours have nothing to do with each other, as it is where many people book.

use contracts::{
    Applied, AppointmentEvent, AppointmentState, BookAppointment, BookingCommand, IdempotencyId,
    Metadata, Route,
};
use domain::{
    Actor, AppointmentId, AppointmentStatus, Clock as _, CorrelationId, EventId, PatientId,
    PractitionerId, RequestId, RequestedStart, Role, SystemClock, UserId,
};
use jiff::civil::{Date, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use uuid::Uuid;

/// Practitioners, all with the same hours.
pub const PRACTITIONERS: u32 = 100;

/// Patients, all with the same number of visits.
pub const PATIENTS: u32 = 2_000;

/// The zone of the practitioners' clocks.
pub const TIME_ZONE: &str = "Europe/Berlin";

/// Open from 8 to 18 on five days a week.
pub const HOURS: (i8, i8) = (8, 18);

/// Length of a slot, minutes.
pub const SLOT_MINUTES: u32 = 15;

const SLOTS_PER_DAY: u32 = (HOURS.1 - HOURS.0) as u32 * 60 / SLOT_MINUTES;

/// Weeks from now to the first visit.
const WEEKS_AHEAD: i64 = 4;

/// Without a common factor with the number of bookings: multiplying by it mixes them.
const STRIDE: u64 = 7_919;

/// Practitioners, patients, and a week in which every slot will be taken.
#[derive(Debug)]
pub struct Clinic {
    /// The practitioners' ids.
    pub practitioners: Vec<Uuid>,
    /// The patients' ids.
    pub patients: Vec<Uuid>,
    /// The bookings that can be made, in the order in which they are asked for.
    pub bookings: Vec<Booking>,
}

/// One booking, with everything that its rows will say.
#[derive(Debug)]
pub struct Booking {
    /// What is asked for.
    pub command: BookingCommand,
    /// Beside it.
    pub metadata: Metadata,
    /// What it leads to.
    pub appointment: AppointmentState,
    /// The id of the fact that follows.
    pub event_id: EventId,
}

impl Clinic {
    /// Ids are new in every run; everything else is the same.
    pub fn invent() -> Self {
        let ids = |count: u32| (0..count).map(|_| Uuid::now_v7()).collect::<Vec<_>>();
        let (practitioners, patients) = (ids(PRACTITIONERS), ids(PATIENTS));
        let monday = monday_in(WEEKS_AHEAD);
        let zone = TimeZone::get(TIME_ZONE).expect("the zone database is built in");
        let count = u64::from(PRACTITIONERS * SLOTS_PER_DAY * 5);
        let bookings = (0..count).map(|index| {
            let mixed = index * STRIDE % count;
            let (slot, place) = (mixed / u64::from(PRACTITIONERS), mixed as usize);
            // At one time there are as many patients as practitioners, each another one.
            let patient = patients[place % patients.len()];
            let practitioner = practitioners[place % practitioners.len()];
            booking(practitioner, patient, start(monday, slot as u32, &zone))
        });
        let bookings = bookings.collect();
        Self { practitioners, patients, bookings }
    }
}

impl Booking {
    /// The result as the inbox keeps it.
    pub fn result(&self) -> Applied {
        Applied::Appointment(self.appointment.clone())
    }

    /// The fact as the outbox keeps it.
    pub fn event(&self) -> AppointmentEvent {
        AppointmentEvent {
            appointment: self.appointment.clone(),
            occurred_at: self.metadata.accepted_at,
            previous: None,
            override_reason: None,
        }
    }
}

fn booking(practitioner: Uuid, patient: Uuid, start: Timestamp) -> Booking {
    let command = BookingCommand::Book(BookAppointment {
        practitioner_id: PractitionerId::from(practitioner),
        patient_id: PatientId::from(patient),
        start: RequestedStart::Instant(start),
        service_id: None,
        location_id: None,
    });
    let caller = UserId::from(patient);
    let key = Uuid::new_v4().to_string();
    let idempotency_id = IdempotencyId::derive(caller, Route::BookAppointment, &key);
    let request_id: RequestId = idempotency_id.request_id(&command.to_body());
    let metadata = Metadata {
        correlation_id: CorrelationId::generate(),
        request_id,
        causation_id: None,
        reply_to: None,
        actor: Actor { id: caller, role: Role::Patient },
        schema: command.schema(),
        accepted_at: SystemClock.now(),
        idempotency_id: Some(idempotency_id),
        trace: None,
    };
    let appointment = AppointmentState {
        id: AppointmentId::generate(),
        version: 1,
        status: AppointmentStatus::Booked,
        practitioner_id: PractitionerId::from(practitioner),
        patient_id: PatientId::from(patient),
        start,
        end: start + i64::from(SLOT_MINUTES).minutes(),
        cancelation_reason: None,
        service_id: None,
        location_id: None,
        expires_at: None,
        series_id: None,
    };
    Booking { command, metadata, appointment, event_id: EventId::generate() }
}

fn monday_in(weeks: i64) -> Date {
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let monday = today.nth_weekday(1, Weekday::Monday).expect("the calendar goes on");
    monday.checked_add(weeks.weeks()).expect("the calendar goes on")
}

/// The beginning of a slot of the week, by the practitioners' clocks.
fn start(monday: Date, slot: u32, zone: &TimeZone) -> Timestamp {
    let (day, minutes) = (slot / SLOTS_PER_DAY, slot % SLOTS_PER_DAY * SLOT_MINUTES);
    let opening = monday
        .checked_add(i64::from(day).days())
        .expect("the calendar goes on")
        .to_datetime(time(HOURS.0, 0, 0, 0));
    let wall = opening + i64::from(minutes).minutes();
    zone.to_timestamp(wall).expect("clocks change at night")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_is_in_two_places_at_once() {
        let clinic = Clinic::invent();
        assert_eq!(clinic.bookings.len(), 20_000);
        let mut practitioners_at = HashSet::new();
        let mut patients_at = HashSet::new();
        for Booking { appointment, .. } in &clinic.bookings {
            assert!(practitioners_at.insert((appointment.practitioner_id, appointment.start)));
            assert!(patients_at.insert((appointment.patient_id, appointment.start)));
        }
    }
}
