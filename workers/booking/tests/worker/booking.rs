//! `booking.book`, one at a time and several in a batch.

use contracts::{Outcome, Rejection};
use domain::{AppointmentStatus, Role};

use super::clinic::{Clinic, book, instant, is_applied, monday, nobody, rejected, somebody, visit};

#[tokio::test]
async fn books_a_free_slot_and_writes_down_what_happened() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:30"));

    let visit = visit(clinic.settle_one(&request).await);
    assert_eq!((visit.practitioner_id, visit.patient_id), (doctor, patient));
    assert_eq!((visit.version, visit.status), (1, AppointmentStatus::Booked));
    assert_eq!(visit.start, instant(&monday("09:30")));
    assert_eq!(visit.end, instant(&monday("10:00")));

    let written = clinic
        .admin
        .query_one(
            "SELECT a.request_id, h.actor_role, h.correlation_id, o.kind, o.version,
                 o.body #>> '{appointment,id}', r.kind, r.stream_sequence, r.settled_at
             FROM appointments a
             JOIN appointment_status_history h ON h.appointment_id = a.id
                 AND h.version = a.version AND h.status = a.status
             JOIN outbox o ON o.request_id = a.request_id
             JOIN requests r ON r.id = a.request_id
             WHERE a.id = $1",
            &[&visit.id.as_uuid()],
        )
        .await
        .unwrap();
    assert_eq!(written.get::<_, uuid::Uuid>(0), request.id().as_uuid());
    assert_eq!(written.get::<_, &str>(1), "patient");
    let correlation_id = request.metadata.correlation_id.as_uuid();
    assert_eq!(written.get::<_, uuid::Uuid>(2), correlation_id);
    assert_eq!(written.get::<_, &str>(3), "appointment.booked");
    assert_eq!(written.get::<_, i32>(4), 1);
    assert_eq!(written.get::<_, String>(5), visit.id.to_string());
    assert_eq!(written.get::<_, &str>(6), "book");
    assert_eq!(written.get::<_, i64>(7), request.stream_sequence.cast_signed());
    assert_eq!(written.get::<_, jiff::Timestamp>(8), instant(super::clinic::NOW));
}

#[tokio::test]
async fn says_why_a_booking_cannot_be_made() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let unapproved = clinic.unapproved_doctor().await;
    let disabled = clinic.doctor().await;
    let idle = clinic.doctor().await;
    let hour = monday("09:00");
    clinic
        .admin
        .execute("UPDATE users SET status = 'disabled' WHERE id = $1", &[&disabled.as_uuid()])
        .await
        .unwrap();
    clinic
        .admin
        .execute("DELETE FROM availability_rules WHERE practitioner_id = $1", &[&idle.as_uuid()])
        .await
        .unwrap();
    let admin = somebody(Role::Admin);

    let cases = [
        (clinic.book(patient, nobody().into(), &hour), Rejection::UnknownPractitioner),
        (clinic.book(patient, unapproved, &hour), Rejection::UnknownPractitioner),
        (clinic.book(patient, disabled, &hour), Rejection::UnknownPractitioner),
        (clinic.request(admin, book(nobody().into(), doctor, &hour)), Rejection::UnknownPatient),
        (clinic.book(patient, idle, &hour), Rejection::OutsideHours),
        (clinic.book(patient, doctor, "2027-01-29T09:00:00-03:00"), Rejection::StartInPast),
        (clinic.book(patient, doctor, "2027-02-01T07:59:59-03:00"), Rejection::StartInPast),
        (clinic.book(patient, doctor, &monday("17:00")), Rejection::OutsideHours),
        (clinic.book(patient, doctor, &monday("08:30")), Rejection::OutsideHours),
        (clinic.book(patient, doctor, "2027-02-06T09:00:00-03:00"), Rejection::OutsideHours),
        (clinic.book(patient, doctor, &monday("09:15")), Rejection::OffGrid),
        (
            clinic.request(somebody(Role::Patient), book(patient, doctor, &hour)),
            Rejection::NotAllowed,
        ),
        (
            clinic.request(somebody(Role::Doctor), book(patient, doctor, &hour)),
            Rejection::NotAllowed,
        ),
        (
            clinic.request(somebody(Role::Operator), book(patient, doctor, &hour)),
            Rejection::NotAllowed,
        ),
    ];
    let requests: Vec<_> = cases.iter().map(|(request, _)| request).collect();
    let outcomes = clinic.settle(&requests).await;
    for ((request, reason), outcome) in cases.iter().zip(outcomes) {
        assert_eq!(outcome, rejected(*reason), "{request:?}");
    }
    assert_eq!(clinic.count("appointments").await, 0);
    assert_eq!(clinic.count("outbox").await, 0);
    assert_eq!(clinic.count("requests").await, cases.len() as i64);
}

#[tokio::test]
async fn an_administrator_books_for_a_patient() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let command = book(patient, doctor, &monday("09:00"));
    let outcome = clinic.settle_one(&clinic.request(somebody(Role::Admin), command)).await;
    assert_eq!(visit(outcome).patient_id, patient);
}

#[tokio::test]
async fn a_taken_slot_is_an_outcome_across_batches() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    clinic.booked(ada, doctor, &monday("09:00")).await;

    let taken = clinic.settle_one(&clinic.book(bob, doctor, &monday("09:00"))).await;
    assert_eq!(taken, rejected(Rejection::SlotTaken));
    let other = clinic.doctor().await;
    let busy = clinic.settle_one(&clinic.book(ada, other, &monday("09:00"))).await;
    assert_eq!(busy, rejected(Rejection::PatientBusy));
    let twice = clinic.settle_one(&clinic.book(ada, doctor, &monday("09:00"))).await;
    assert_eq!(twice, rejected(Rejection::SlotTaken));
    clinic.booked(bob, doctor, &monday("09:30")).await;
}

#[tokio::test]
async fn the_first_of_a_batch_gets_the_slot() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let mut requests = Vec::new();
    for _ in 0..40 {
        requests.push(clinic.book(clinic.patient().await, doctor, &monday("09:00")));
    }
    let outcomes = clinic.settle(&requests.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == rejected(Rejection::SlotTaken)));
    assert_eq!(clinic.count("appointments").await, 1);
}

#[tokio::test]
async fn the_first_of_a_batch_gets_the_patient() {
    let clinic = Clinic::open().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let mut doctors = [clinic.doctor().await, clinic.doctor().await, clinic.doctor().await];
    // The worker writes in the order of the practitioners' ids.
    doctors.sort();
    let [first, second, third] = doctors;
    clinic.booked(bob, third, &monday("09:00")).await;

    let batch = [
        clinic.book(ada, third, &monday("09:00")),
        clinic.book(ada, second, &monday("09:00")),
        clinic.book(ada, first, &monday("09:00")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert_eq!(outcomes[0], rejected(Rejection::SlotTaken));
    assert_eq!(visit(outcomes[1].clone()).practitioner_id, second);
    assert_eq!(outcomes[2], rejected(Rejection::PatientBusy));
}

#[tokio::test]
async fn slots_that_overlap_without_being_the_same_are_taken_too() {
    let clinic = Clinic::open().await;
    let (long, short) = (clinic.doctor().await, clinic.unapproved_doctor().await);
    let approve = "UPDATE practitioners SET approved_at = now()";
    clinic.admin.execute(approve, &[]).await.unwrap();
    clinic.hours(short, "America/Sao_Paulo", &[1], "09:10", "11:10", 10).await;
    let ada = clinic.patient().await;
    let batch = [
        clinic.book(ada, long, &monday("09:00")),
        clinic.book(ada, short, &monday("09:20")),
        clinic.book(ada, short, &monday("09:30")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(outcomes[1], rejected(Rejection::PatientBusy));
    assert!(is_applied(&outcomes[2]), "visits may follow each other without a gap");
}

#[tokio::test]
async fn clocks_that_change_are_no_trap() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.unapproved_doctor().await, clinic.patient().await);
    clinic.admin.execute("UPDATE practitioners SET approved_at = now()", &[]).await.unwrap();
    clinic.hours(doctor, "America/New_York", &[7], "01:00", "04:00", 30).await;
    let settle = async |start: &str| clinic.settle_one(&clinic.book(patient, doctor, start)).await;

    // On 2027-03-14 the clocks skip 02:00 to 03:00.
    let gap = settle("2027-03-14T02:30:00[America/New_York]").await;
    assert_eq!(gap, rejected(Rejection::StartInGap));
    let after = settle("2027-03-14T03:00:00[America/New_York]").await;
    assert_eq!(visit(after).start, instant("2027-03-14T07:00:00Z"));
    let before = settle("2027-03-14T01:30:00-05:00").await;
    assert_eq!(visit(before).end, instant("2027-03-14T07:00:00Z"));

    // On 2027-11-07 they show 01:00 to 02:00 twice.
    let twice = settle("2027-11-07T01:30:00[America/New_York]").await;
    assert_eq!(twice, rejected(Rejection::StartAmbiguous));
    let first = settle("2027-11-07T01:30:00-04:00").await;
    assert_eq!(visit(first).start, instant("2027-11-07T05:30:00Z"));
}

#[tokio::test]
async fn a_redelivered_request_gets_the_same_answer_and_does_nothing() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let batch = [
        clinic.book(ada, doctor, &monday("09:00")),
        clinic.book(bob, doctor, &monday("09:00")),
        clinic.book(bob, doctor, &monday("09:15")),
    ];
    let batch: Vec<_> = batch.iter().collect();
    let first: Vec<Outcome> = clinic.settle(&batch).await;
    let rows = ["appointments", "appointment_status_history", "outbox", "requests"];
    let mut counts = Vec::new();
    for table in rows {
        counts.push(clinic.count(table).await);
    }
    assert_eq!(counts, [1, 1, 1, 3]);

    // Much later: the answer is the stored one, whatever would be true now.
    clinic.clock.advance(jiff::SignedDuration::from_hours(24 * 365));
    assert_eq!(clinic.settle(&batch).await, first);
    let again: Vec<_> = batch.iter().rev().copied().chain(batch.iter().copied()).collect();
    let answers = clinic.settle(&again).await;
    assert!(answers.iter().zip(&again).all(|(answer, request)| {
        let index = batch.iter().position(|first| first.id() == request.id()).unwrap();
        *answer == first[index]
    }));
    for (table, count) in rows.iter().zip(counts) {
        assert_eq!(clinic.count(table).await, count, "{table}");
    }
}

#[tokio::test]
async fn a_request_that_stands_twice_in_a_batch_is_done_once() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    let outcomes = clinic.settle(&[&request, &request, &request]).await;
    assert!(is_applied(&outcomes[0]));
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(clinic.count("requests").await, 1);
}
