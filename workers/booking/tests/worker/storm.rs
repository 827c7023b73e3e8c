//! Whatever is asked, in whatever order, by two workers at once, late and again: nobody is booked
//! twice, and every visit's history tells how it came to be as it is.

use std::collections::HashMap;

use booking::Settler;
use contracts::{Applied, AppointmentState, BookingCommand, Outcome, RescheduleAppointment};
use domain::{AppointmentId, AppointmentStatus, PatientId, PractitionerId, Role, SeriesId};
use futures::future::join;
use jiff::SignedDuration;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use store::ServiceRole;
use store::booking::Pool;

use super::clinic::{Clinic, Incoming, book, monday, patient_of, settle, somebody};
use super::life::{reschedule, set_status, undo};

const DOCTORS: usize = 2;
const PATIENTS: usize = 5;
const ROUNDS: usize = 12;
const BATCH: usize = 25;

/// Few enough times that everybody meets everybody.
const TIMES: [&str; 8] = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30"];

/// What is known of the clinic from its answers.
struct Story {
    doctors: Vec<PractitionerId>,
    patients: Vec<PatientId>,
    visits: HashMap<AppointmentId, AppointmentState>,
    series: Vec<(PatientId, SeriesId)>,
    /// Everything that was asked, and how it ended.
    settled: Vec<(Incoming, Outcome)>,
    /// What never got to a worker, or killed it, and comes as a replay much later.
    dead: Vec<Incoming>,
}

impl Story {
    async fn begin(clinic: &Clinic) -> Self {
        let mut story = Self {
            doctors: vec![],
            patients: vec![],
            visits: HashMap::new(),
            series: vec![],
            settled: vec![],
            dead: vec![],
        };
        for _ in 0..DOCTORS {
            story.doctors.push(clinic.doctor().await);
        }
        for _ in 0..PATIENTS {
            story.patients.push(clinic.patient().await);
        }
        story
    }

    /// Something that somebody asks, about a time or a visit that is known.
    fn ask(&self, clinic: &Clinic, random: &mut SmallRng) -> Incoming {
        let doctor = self.doctors[random.random_range(0..DOCTORS)];
        let patient = self.patients[random.random_range(0..PATIENTS)];
        let time = monday(TIMES[random.random_range(0..TIMES.len())]);
        let kind = random.random_range(0..14);
        // Holds are soon over, so the last one is meant.
        let is_hold = |visit: &&AppointmentState| visit.status == AppointmentStatus::Pending;
        let last_hold = self.visits.values().filter(is_hold).max_by_key(|hold| hold.expires_at);
        let mut known: Vec<&AppointmentState> = self.visits.values().collect();
        known.sort_unstable_by_key(|visit| visit.id);
        if kind < 2 || known.is_empty() {
            return clinic.request(patient_of(patient), book(patient, doctor, &time));
        }
        let any = known[random.random_range(0..known.len())];
        let visit = if matches!(kind, 6 | 7) { last_hold.unwrap_or(any) } else { any };
        let staff = somebody(Role::Admin);
        match kind {
            2..5 => clinic.hold(patient, doctor, &time),
            5 => clinic.series(patient, doctor, &time, 1, 3),
            6 => clinic.confirm(visit),
            7 => clinic.release(visit),
            8 => clinic.cancel(visit.patient_id, visit),
            9 | 10 => {
                let practitioner_id = random.random::<bool>().then_some(doctor);
                let command = RescheduleAppointment { practitioner_id, ..reschedule(visit, &time) };
                clinic.request(patient_of(visit.patient_id), BookingCommand::Reschedule(command))
            }
            11 => {
                let statuses = [AppointmentStatus::Arrived, AppointmentStatus::CheckedIn];
                clinic.request(staff, set_status(visit, statuses[random.random_range(0..2)]))
            }
            12 => clinic.request(staff, undo(visit)),
            _ => match self.series.first() {
                Some((patient, series)) => clinic.end_series(*patient, *series),
                None => clinic.book(patient, doctor, &time),
            },
        }
    }

    fn learn(&mut self, asked: Vec<Incoming>, outcomes: Vec<Outcome>) {
        for (request, outcome) in asked.into_iter().zip(outcomes) {
            match &outcome {
                Outcome::Applied { result: Applied::Appointment(visit) } => self.see(visit),
                Outcome::Applied { result: Applied::Series(series) } => {
                    series.appointments.iter().for_each(|visit| self.see(visit));
                    if let Some(visit) = series.appointments.first() {
                        self.series.push((visit.patient_id, series.id));
                    }
                }
                _ => {}
            }
            self.settled.push((request, outcome));
        }
    }

    fn see(&mut self, visit: &AppointmentState) {
        let known = self.visits.entry(visit.id).or_insert_with(|| visit.clone());
        if known.version < visit.version {
            known.clone_from(visit);
        }
    }
}

/// Pairs of visits that take somebody's time twice.
const OVERLAPPING: &str = "
    appointments a JOIN appointments b ON a.id < b.id
        AND ((a.practitioner_id = b.practitioner_id AND a.occupied && b.occupied)
            OR (a.patient_id = b.patient_id AND a.during && b.during))
    WHERE a.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')
      AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')";

/// Visits whose last line of history isn't what they are, or is missing a version.
const UNTOLD: &str = "
    appointments a
    WHERE NOT EXISTS (SELECT FROM appointment_status_history h
            WHERE h.appointment_id = a.id AND h.version = a.version AND h.status = a.status
              AND h.during = a.during AND h.practitioner_id = a.practitioner_id)
       OR a.version <> (SELECT count(*) FROM appointment_status_history h
            WHERE h.appointment_id = a.id)
       OR a.version <> (SELECT count(*) FROM outbox o
            WHERE o.kind LIKE 'appointment.%' AND o.body #>> '{appointment,id}' = a.id::text)";

/// A series is whole or not at all.
const PARTIAL: &str = "
    (SELECT count(*) AS visits FROM appointments WHERE series_id IS NOT NULL GROUP BY series_id)
        AS series
    WHERE visits <> 3";

/// Gives how many commands of each kind succeeded.
async fn storm(seed: u64) -> HashMap<&'static str, usize> {
    let clinic = Clinic::open().await;
    let url = clinic.database.url_for(ServiceRole::Booking);
    let other: Settler =
        clinic.settler_on(Pool::connect(&url, &clinic.database.settings()).unwrap());
    let mut random = SmallRng::seed_from_u64(seed);
    let mut story = Story::begin(&clinic).await;
    for round in 0..ROUNDS {
        let mut batches = [Vec::new(), Vec::new()];
        for batch in &mut batches {
            while batch.len() < BATCH {
                let request = match random.random_range(0..12) {
                    0 if !story.settled.is_empty() => {
                        let index = random.random_range(0..story.settled.len());
                        story.settled[index].0.clone()
                    }
                    1 if !story.dead.is_empty() => {
                        let index = random.random_range(0..story.dead.len());
                        story.dead.swap_remove(index)
                    }
                    2 => {
                        let request = story.ask(&clinic, &mut random);
                        story.dead.push(request);
                        continue;
                    }
                    _ => story.ask(&clinic, &mut random),
                };
                batch.push(request);
            }
        }
        let [mine, theirs] = batches;
        let (one, two): (Vec<&Incoming>, Vec<&Incoming>) =
            (mine.iter().collect(), theirs.iter().collect());
        let (first, second) = join(settle(&clinic.settler, &one), settle(&other, &two)).await;
        let (first, second) = (first.unwrap(), second.unwrap());
        story.learn(mine, first);
        story.learn(theirs, second);
        clinic.clock.advance(SignedDuration::from_mins(2));
        for wrong in [OVERLAPPING, UNTOLD, PARTIAL] {
            assert_eq!(clinic.count(wrong).await, 0, "seed {seed}, round {round}: {wrong}");
        }
    }
    // Everything again: it has ended, and nothing comes of it.
    let rows = ["appointments", "appointment_status_history", "outbox", "requests"];
    let before = [
        clinic.count(rows[0]).await,
        clinic.count(rows[1]).await,
        clinic.count(rows[2]).await,
        clinic.count(rows[3]).await,
    ];
    for (request, outcome) in &story.settled {
        let again = clinic.settle_one(request).await;
        assert_eq!(again, *outcome, "seed {seed}: {:?}", request.command.kind());
    }
    for (table, count) in rows.iter().zip(before) {
        assert_eq!(clinic.count(table).await, count, "seed {seed}: {table}");
    }
    let mut applied: HashMap<&str, usize> = HashMap::new();
    for (request, outcome) in &story.settled {
        if matches!(outcome, Outcome::Applied { .. }) {
            *applied.entry(request.command.kind().as_str()).or_default() += 1;
        }
    }
    let expired = "appointments WHERE cancelation_reason = 'hold-expired'";
    applied.insert("expiry", usize::try_from(clinic.count(expired).await).unwrap());
    applied
}

#[tokio::test]
async fn no_storm_books_anybody_twice() {
    let mut applied: HashMap<&str, usize> = HashMap::new();
    for seed in 0..6 {
        for (kind, count) in storm(seed).await {
            *applied.entry(kind).or_default() += count;
        }
    }
    // A storm in which something never succeeds proves nothing of it.
    for kind in [
        "book",
        "book-series",
        "cancel",
        "cancel-series",
        "confirm",
        "expiry",
        "hold",
        "release",
        "reschedule",
        "set-status",
        "undo-status",
    ] {
        assert!(applied.get(kind).is_some_and(|count| *count > 0), "{kind}: {applied:?}");
    }
}
