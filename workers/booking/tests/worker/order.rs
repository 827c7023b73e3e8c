//! A batch ends as if its requests had come one after the other.

use contracts::{Applied, AppointmentState, BookingCommand, Outcome, RescheduleAppointment};
use domain::{AppointmentStatus, PatientId, PractitionerId, Role, SeriesId};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::clinic::{Clinic, Incoming, book, early_week, monday, patient_of, somebody, visit};
use super::life::{reschedule, series_of, set_status, undo};

const DOCTORS: usize = 3;
const PATIENTS: usize = 4;
const REQUESTS: usize = 60;

/// The people of one play of the story. Two casts meet the same fate under other names.
struct Cast {
    doctors: Vec<PractitionerId>,
    patients: Vec<PatientId>,
    visits: Vec<AppointmentState>,
    /// A hold of each patient.
    holds: Vec<AppointmentState>,
    /// A series of the first patient.
    series: SeriesId,
}

impl Cast {
    async fn hire(clinic: &Clinic) -> Self {
        let mut cast = Self {
            doctors: vec![],
            patients: vec![],
            visits: vec![],
            holds: vec![],
            series: SeriesId::generate(),
        };
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
            let doctor = cast.doctors[(index + 1) % DOCTORS];
            let hold = clinic.hold(*patient, doctor, &monday(["10:00", "10:30"][index / 2]));
            cast.holds.push(visit(clinic.settle_one(&hold).await));
        }
        let series = clinic.series(cast.patients[0], cast.doctors[2], &monday("11:00"), 1, 2);
        cast.series = series_of(clinic.settle_one(&series).await).id;
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
    Hold { doctor: usize, patient: usize, time: &'static str },
    Confirm { hold: usize },
    Release { hold: usize },
    Move { visit: usize, version: i32, doctor: Option<usize>, time: &'static str },
    SetStatus { visit: usize, version: i32, status: AppointmentStatus },
    Undo { visit: usize, version: i32 },
    Series { doctor: usize, patient: usize, time: &'static str },
    EndSeries,
}

const TIMES: [&str; 8] = ["09:00", "09:20", "09:30", "09:40", "10:00", "10:30", "11:00", "17:30"];

fn line(random: &mut SmallRng, index: usize) -> Line {
    let mut one_of = |count: usize| random.random_range(0..count);
    match one_of(36) {
        20 | 21 => Line::Hold {
            doctor: one_of(DOCTORS),
            patient: one_of(PATIENTS),
            time: TIMES[one_of(TIMES.len())],
        },
        22 => Line::Confirm { hold: one_of(PATIENTS) },
        23 | 24 => Line::Release { hold: one_of(PATIENTS) },
        25..28 => Line::Move {
            visit: one_of(PATIENTS),
            version: 1 + one_of(2) as i32,
            doctor: [None, Some(one_of(DOCTORS))][one_of(2)],
            time: TIMES[one_of(TIMES.len())],
        },
        28 | 29 => Line::SetStatus {
            visit: one_of(PATIENTS),
            version: 1 + one_of(3) as i32,
            status: [AppointmentStatus::Arrived, AppointmentStatus::CheckedIn][one_of(2)],
        },
        30..32 => Line::Undo { visit: one_of(PATIENTS), version: 1 + one_of(4) as i32 },
        32 | 33 => Line::Series {
            doctor: one_of(DOCTORS),
            patient: one_of(PATIENTS),
            time: TIMES[one_of(TIMES.len())],
        },
        34 => Line::EndSeries,
        0 | 1 => Line::Cancel { visit: one_of(PATIENTS), version: 1 + (one_of(4) / 3) as i32 },
        2 => Line::SetHours { doctor: one_of(DOCTORS), slot_minutes: [20, 30][one_of(2)] },
        3 => Line::Withdraw { line: one_of(REQUESTS) },
        4 if index > 0 => Line::Repeat { line: one_of(index) },
        _ => Line::Book {
            doctor: one_of(DOCTORS),
            patient: one_of(PATIENTS),
            time: TIMES[one_of(TIMES.len())],
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
            Line::Hold { doctor, patient, time } => {
                clinic.hold(cast.patients[patient], cast.doctors[doctor], &monday(time))
            }
            Line::Confirm { hold } => clinic.confirm(&cast.holds[hold]),
            Line::Release { hold } => clinic.release(&cast.holds[hold]),
            Line::Move { visit, version, doctor, time } => {
                let visit = &cast.visits[visit];
                let command = BookingCommand::Reschedule(RescheduleAppointment {
                    version,
                    practitioner_id: doctor.map(|doctor| cast.doctors[doctor]),
                    ..reschedule(visit, &monday(time))
                });
                clinic.request(patient_of(visit.patient_id), command)
            }
            Line::SetStatus { visit, version, status } => {
                let visit = AppointmentState { version, ..cast.visits[visit].clone() };
                clinic.request(somebody(Role::Admin), set_status(&visit, status))
            }
            Line::Undo { visit, version } => {
                let visit = AppointmentState { version, ..cast.visits[visit].clone() };
                clinic.request(somebody(Role::Admin), undo(&visit))
            }
            Line::Series { doctor, patient, time } => {
                clinic.series(cast.patients[patient], cast.doctors[doctor], &monday(time), 1, 2)
            }
            Line::EndSeries => clinic.end_series(cast.patients[0], cast.series),
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
    let state = |visit: &AppointmentState| {
        let AppointmentState { version, status, start, end, .. } = visit;
        let (doctor, patient) = (doctor(visit.practitioner_id), patient(visit.patient_id));
        format!("{doctor:?} {patient:?} {start} {end} {status} {version}")
    };
    match outcome {
        Outcome::Applied { result: Applied::Appointment(visit) } => state(visit),
        Outcome::Applied { result: Applied::Series(series) } => {
            series.appointments.iter().map(state).collect::<Vec<_>>().join(", ")
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
    for seed in 0..20 {
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
