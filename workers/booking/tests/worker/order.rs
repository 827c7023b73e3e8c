//! A batch ends as if its requests had come one after the other.

use contracts::{Applied, AppointmentState, BookingCommand, Outcome};
use domain::{PatientId, PractitionerId, Role};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::clinic::{Clinic, Incoming, book, early_week, monday, patient_of, somebody};

const DOCTORS: usize = 3;
const PATIENTS: usize = 4;
const REQUESTS: usize = 60;

/// The people of one play of the story. Two casts meet the same fate under other names.
struct Cast {
    doctors: Vec<PractitionerId>,
    patients: Vec<PatientId>,
    visits: Vec<AppointmentState>,
}

impl Cast {
    async fn hire(clinic: &Clinic) -> Self {
        let mut cast = Self { doctors: vec![], patients: vec![], visits: vec![] };
        for _ in 0..DOCTORS {
            cast.doctors.push(clinic.doctor().await);
        }
        for _ in 0..PATIENTS {
            cast.patients.push(clinic.patient().await);
        }
        for (index, patient) in cast.patients.iter().enumerate() {
            let doctor = cast.doctors[index % DOCTORS];
            let time = monday(["09:00", "09:30"][index % 2]);
            cast.visits.push(clinic.booked(*patient, doctor, &time).await);
        }
        cast
    }
}

/// What is asked, of whom by number.
#[derive(Clone, Copy, Debug)]
enum Line {
    Book { doctor: usize, patient: usize, time: &'static str, key: Option<&'static str> },
    Cancel { visit: usize, version: i32 },
    SetHours { doctor: usize, slot_minutes: i16 },
    Withdraw { line: usize },
    Repeat { line: usize },
}

fn line(random: &mut SmallRng, index: usize) -> Line {
    let mut one_of = |count: usize| random.random_range(0..count);
    match one_of(20) {
        0 | 1 => Line::Cancel { visit: one_of(PATIENTS), version: 1 + (one_of(4) / 3) as i32 },
        2 => Line::SetHours { doctor: one_of(DOCTORS), slot_minutes: [20, 30][one_of(2)] },
        3 => Line::Withdraw { line: one_of(REQUESTS) },
        4 if index > 0 => Line::Repeat { line: one_of(index) },
        _ => Line::Book {
            doctor: one_of(DOCTORS),
            patient: one_of(PATIENTS),
            time: ["09:00", "09:20", "09:30", "09:40", "10:00", "17:30"][one_of(6)],
            key: [None, None, Some("k"), Some("l")][one_of(4)],
        },
    }
}

fn play(clinic: &Clinic, cast: &Cast, lines: &[Line]) -> Vec<Incoming> {
    let mut requests: Vec<Incoming> = Vec::new();
    for line in lines {
        let request = match *line {
            Line::Book { doctor, patient, time, key } => {
                let patient = cast.patients[patient];
                let command = book(patient, cast.doctors[doctor], &monday(time));
                let request = clinic.request(patient_of(patient), command);
                key.map_or(request.clone(), |key| request.with_key(key))
            }
            Line::Cancel { visit, version } => {
                let visit = &cast.visits[visit];
                let visit = AppointmentState { version, ..visit.clone() };
                clinic.cancel(visit.patient_id, &visit)
            }
            Line::SetHours { doctor, slot_minutes } => {
                let week = early_week(cast.doctors[doctor], slot_minutes);
                let command = BookingCommand::SetAvailability(week);
                clinic.request(somebody(Role::Admin), command)
            }
            Line::Repeat { line } => requests[line].clone(),
            // Patched below, when its target is known.
            Line::Withdraw { .. } => {
                clinic.book(cast.patients[0], cast.doctors[0], &monday("17:30"))
            }
        };
        requests.push(request);
    }
    for (index, line) in lines.iter().enumerate() {
        if let Line::Withdraw { line } = *line {
            let target = requests[line].clone();
            requests[index] = clinic.withdraw(&target);
        }
    }
    requests
}

/// An outcome without the names of this cast.
fn told(cast: &Cast, requests: &[Incoming], outcome: &Outcome) -> String {
    let doctor = |id: PractitionerId| cast.doctors.iter().position(|doctor| *doctor == id);
    let patient = |id: PatientId| cast.patients.iter().position(|patient| *patient == id);
    match outcome {
        Outcome::Applied { result: Applied::Appointment(visit) } => {
            let AppointmentState { version, status, start, end, .. } = visit;
            let (doctor, patient) = (doctor(visit.practitioner_id), patient(visit.patient_id));
            format!("{doctor:?} {patient:?} {start} {end} {status} {version}")
        }
        Outcome::Applied { result: Applied::Availability { practitioner_id, conflicts } } => {
            let visits = conflicts.visits.iter().map(|visit| visit.start.to_string());
            let starts: Vec<String> = visits.collect();
            format!("hours of {:?}, without {starts:?}", doctor(*practitioner_id))
        }
        Outcome::Applied { result: Applied::Withdrawal { request_id } } => {
            let target = requests.iter().position(|request| request.id() == *request_id);
            format!("withdrew {target:?}")
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_batch_ends_as_its_requests_would_one_by_one() {
    let clinic = Clinic::open().await;
    for seed in 0..10 {
        let mut random = SmallRng::seed_from_u64(seed);
        let lines: Vec<Line> = (0..REQUESTS).map(|index| line(&mut random, index)).collect();
        let [together, apart] = [Cast::hire(&clinic).await, Cast::hire(&clinic).await];

        let requests = play(&clinic, &together, &lines);
        let outcomes = clinic.settle(&requests.iter().collect::<Vec<_>>()).await;
        let batch: Vec<String> =
            outcomes.iter().map(|outcome| told(&together, &requests, outcome)).collect();

        let requests = play(&clinic, &apart, &lines);
        for (index, request) in requests.iter().enumerate() {
            let outcome = clinic.settle_one(request).await;
            let told = told(&apart, &requests, &outcome);
            assert_eq!(batch[index], told, "seed {seed}, {:?}, line {index}", lines[index]);
        }
    }
}
