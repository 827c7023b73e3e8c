//! Two workers at once, and what each sees of the other.

use booking::Settler;
use contracts::{AppointmentState, BookingCommand, Outcome, Rejection};
use domain::Role;
use futures::future::join;
use store::ServiceRole;
use store::booking::Pool;

use super::clinic::{
    Clinic, Incoming, early_week, is_applied, monday, rejected, settle, somebody, visit,
};

/// A second worker, with connections of its own.
fn another_worker(clinic: &Clinic) -> Settler {
    let url = clinic.database.url_for(ServiceRole::Booking);
    clinic.settler_on(Pool::connect(&url, &clinic.database.settings()).unwrap())
}

fn by_id(batch: &[&Incoming], outcomes: Vec<Outcome>) -> Vec<(uuid::Uuid, Outcome)> {
    let ids = batch.iter().map(|incoming| incoming.id().as_uuid());
    let mut outcomes: Vec<_> = ids.zip(outcomes).collect();
    outcomes.sort_by_key(|(id, _)| *id);
    outcomes
}

#[tokio::test]
async fn a_batch_that_two_workers_have_is_settled_once() {
    let clinic = Clinic::open().await;
    let other = another_worker(&clinic);
    let doctors = [clinic.doctor().await, clinic.doctor().await, clinic.doctor().await];
    let mut patients = Vec::new();
    for _ in 0..30 {
        patients.push(clinic.patient().await);
    }
    for hour in 9..17 {
        let time = monday(&format!("{hour:02}:00"));
        let mut batch = Vec::new();
        for (index, patient) in patients.iter().enumerate() {
            batch.push(clinic.book(*patient, doctors[index % 3], &time).with_key(&time));
        }
        let batch: Vec<_> = batch.iter().collect();
        let reversed: Vec<_> = batch.iter().rev().copied().collect();
        let (first, second) =
            join(settle(&clinic.settler, &batch), settle(&other, &reversed)).await;
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.iter().filter(|outcome| is_applied(outcome)).count(), 3);
        assert_eq!(by_id(&batch, first), by_id(&reversed, second));
    }
    assert_eq!(clinic.count("appointments").await, 24);
    assert_eq!(clinic.count("requests").await, 240);
    assert_eq!(clinic.count("outbox").await, 24);
}

#[tokio::test]
async fn two_workers_that_want_the_same_times_share_them() {
    let clinic = Clinic::open().await;
    let other = another_worker(&clinic);
    let mut doctors = Vec::new();
    let mut patients = Vec::new();
    for _ in 0..8 {
        doctors.push(clinic.doctor().await);
    }
    for _ in 0..2 * doctors.len() {
        patients.push(clinic.patient().await);
    }
    for day in 8..=12 {
        let mut batches = [Vec::new(), Vec::new()];
        for hour in 9..17 {
            let time = format!("2027-02-{day:02}T{hour:02}:00:00-03:00");
            for (patients, doctor) in patients.chunks(2).zip(&doctors) {
                for (batch, patient) in batches.iter_mut().zip(patients) {
                    batch.push(clinic.book(*patient, *doctor, &time));
                }
            }
        }
        batches[1].reverse();
        let [mine, theirs] = batches.each_ref().map(|batch| batch.iter().collect::<Vec<_>>());
        let (mine, theirs) = join(settle(&clinic.settler, &mine), settle(&other, &theirs)).await;
        let outcomes = [mine.unwrap(), theirs.unwrap()].concat();
        let (applied, taken): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(is_applied);
        assert_eq!((applied.len(), taken.len()), (64, 64));
        assert!(taken.iter().all(|outcome| *outcome == rejected(Rejection::SlotTaken)));
    }
    // Both write in one order, whatever the order of their batches.
    let metrics = runtime::metrics::render().unwrap();
    assert!(!metrics.contains(r#"cause="deadlock""#), "they waited for each other");
}

#[tokio::test]
async fn a_request_that_another_worker_settles_meanwhile_gets_that_answer() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN").await.unwrap();
    let settled = "INSERT INTO requests (id, kind, caller_id, outcome, reason, correlation_id,
                       stream_sequence, accepted_at, settled_at)
                   VALUES ($1, 'book', $1, 'rejected', 'slot_taken', $1, 1, now(), now())";
    rival.execute(settled, &[&request.id().as_uuid()]).await.unwrap();

    let rivals_end = async {
        clinic.until_somebody_waits().await;
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (outcome, ()) = join(clinic.settle_one(&request), rivals_end).await;
    assert_eq!(outcome, rejected(Rejection::SlotTaken));
    assert_eq!(clinic.count("appointments").await, 0);
    assert_eq!(clinic.count("outbox").await, 0);
}

#[tokio::test]
async fn a_slot_is_free_again_when_the_one_who_took_it_rolls_back() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN").await.unwrap();
    clinic.insert_raw(&rival, doctor, bob, &monday("09:00")).await.unwrap();

    let request = clinic.book(ada, doctor, &monday("09:00"));
    let rivals_end = async {
        clinic.until_somebody_waits().await;
        rival.batch_execute("ROLLBACK").await.unwrap();
    };
    let (outcome, ()) = join(clinic.settle_one(&request), rivals_end).await;
    assert_eq!(visit(outcome).patient_id, ada);
}

#[tokio::test]
async fn a_deadlock_is_settled_without_anybody_noticing() {
    let clinic = Clinic::open().await;
    let mut doctors = Vec::new();
    for _ in 0..4 {
        doctors.push(clinic.doctor().await);
    }
    doctors.sort();
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN").await.unwrap();
    clinic.insert_raw(&rival, doctors[1], bob, &monday("09:00")).await.unwrap();

    // The worker holds Ada's time and waits for Bob's; then the rival wants Ada's.
    let batch = [
        clinic.book(ada, doctors[0], &monday("09:00")),
        clinic.book(bob, doctors[2], &monday("09:00")),
    ];
    let rivals_end = async {
        clinic.until_somebody_waits().await;
        let raced = clinic.insert_raw(&rival, doctors[3], ada, &monday("09:00")).await;
        let end = if raced.is_ok() { "COMMIT" } else { "ROLLBACK" };
        rival.batch_execute(end).await.unwrap();
        raced.is_ok()
    };
    let batch = [&batch[0], &batch[1]];
    let (outcomes, rival_won) = join(clinic.settle(&batch), rivals_end).await;
    if rival_won {
        assert!(outcomes.iter().all(|outcome| *outcome == rejected(Rejection::PatientBusy)));
    } else {
        assert!(outcomes.iter().all(is_applied));
    }
    assert_eq!(clinic.count("appointments").await, 2);
}

#[tokio::test]
async fn a_cancellation_sees_the_change_that_was_faster() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booked = clinic.booked(patient, doctor, &monday("09:00")).await;
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN; UPDATE appointments SET version = 2").await.unwrap();

    let request = clinic.cancel(patient, &booked);
    let rivals_end = async {
        clinic.until_somebody_waits().await;
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (outcome, ()) = join(clinic.settle_one(&request), rivals_end).await;
    assert_eq!(outcome, rejected(Rejection::VersionMismatch));
    let fresh = AppointmentState { version: 2, ..booked };
    assert!(is_applied(&clinic.settle_one(&clinic.cancel(patient, &fresh)).await));
}

#[tokio::test]
async fn hours_set_by_two_workers_are_never_mixed() {
    let clinic = Clinic::open().await;
    let other = another_worker(&clinic);
    let doctor = clinic.doctor().await;
    for _ in 0..10 {
        let [short, long] = [10, 60].map(|minutes| {
            let mut week = early_week(doctor, minutes);
            if minutes == 60 {
                week.hours.truncate(2);
            }
            clinic.request(somebody(Role::Admin), BookingCommand::SetAvailability(week))
        });
        let (first, second) =
            join(settle(&clinic.settler, &[&short]), settle(&other, &[&long])).await;
        assert!(is_applied(&first.unwrap()[0]) && is_applied(&second.unwrap()[0]));
        let [short, long] = [
            clinic.count("availability_rules WHERE slot_minutes = 10").await,
            clinic.count("availability_rules WHERE slot_minutes = 60").await,
        ];
        assert!([(5, 0), (0, 2)].contains(&(short, long)), "{short} and {long}");
    }
}
