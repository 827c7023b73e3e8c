//! `booking.cancel`.

use contracts::{AppointmentState, BookingCommand, CancelAppointment, Rejection};
use domain::{AppointmentStatus, CancelationReason, Role};

use super::clinic::{
    Clinic, cancel, doctor_of, is_applied, monday, nobody, patient_of, rejected, somebody, visit,
};

#[tokio::test]
async fn a_cancelled_visit_frees_its_time_and_keeps_its_history() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;

    let cancelled = visit(clinic.settle_one(&clinic.cancel(ada, &booked)).await);
    let expected = AppointmentState {
        version: 2,
        status: AppointmentStatus::Cancelled,
        cancelation_reason: Some(CancelationReason::Patient),
        ..booked.clone()
    };
    assert_eq!(cancelled, expected);
    clinic.booked(bob, doctor, &monday("09:00")).await;

    let rows = clinic
        .admin
        .query(
            "SELECT version, status, reason FROM appointment_status_history
             WHERE appointment_id = $1 ORDER BY version",
            &[&booked.id.as_uuid()],
        )
        .await
        .unwrap();
    let history: Vec<(i32, &str, Option<&str>)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(history, [(1, "booked", None), (2, "cancelled", Some("pat"))]);
    assert_eq!(clinic.count("outbox WHERE kind = 'appointment.cancelled'").await, 1);
}

#[tokio::test]
async fn only_those_whose_visit_it_is_may_cancel() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let other_doctor = clinic.doctor().await;
    let other_patient = clinic.patient().await;
    let booked = clinic.booked(patient, doctor, &monday("09:00")).await;
    for stranger in [
        patient_of(other_patient),
        doctor_of(other_doctor),
        somebody(Role::Operator),
        // The right id in the wrong role.
        domain::Actor { id: patient.into(), role: Role::Doctor },
    ] {
        let request = clinic.request(stranger, cancel(&booked));
        let outcome = clinic.settle_one(&request).await;
        assert_eq!(outcome, rejected(Rejection::UnknownAppointment), "{stranger}");
    }

    assert!(is_applied(
        &clinic.settle_one(&clinic.request(doctor_of(doctor), cancel(&booked))).await
    ));
    let again = clinic.booked(patient, doctor, &monday("09:00")).await;
    let admin = clinic.request(somebody(Role::Admin), cancel(&again));
    assert!(is_applied(&clinic.settle_one(&admin).await));
}

#[tokio::test]
async fn a_stale_or_impossible_cancellation_is_refused() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booked = clinic.booked(patient, doctor, &monday("09:00")).await;

    let stale = AppointmentState { version: 7, ..booked.clone() };
    let outcome = clinic.settle_one(&clinic.cancel(patient, &stale)).await;
    assert_eq!(outcome, rejected(Rejection::VersionMismatch));

    let fulfilled = "UPDATE appointments SET status = 'fulfilled', version = 2";
    clinic.admin.execute(fulfilled, &[]).await.unwrap();
    let fulfilled = AppointmentState { version: 2, ..booked };
    let outcome = clinic.settle_one(&clinic.cancel(patient, &fulfilled)).await;
    assert_eq!(outcome, rejected(Rejection::NotCancellable));

    let nothing = BookingCommand::Cancel(CancelAppointment {
        appointment_id: nobody().into(),
        version: 1,
        reason: CancelationReason::Other,
        override_reason: None,
    });
    let outcome = clinic.settle_one(&clinic.request(patient_of(patient), nothing)).await;
    assert_eq!(outcome, rejected(Rejection::UnknownAppointment));
}

#[tokio::test]
async fn the_first_of_a_batch_cancels() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booked = clinic.booked(patient, doctor, &monday("09:00")).await;
    let batch = [
        clinic.cancel(patient, &booked),
        clinic.request(doctor_of(doctor), cancel(&booked)),
        clinic.cancel(patient, &AppointmentState { version: 2, ..booked }),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(outcomes[1], rejected(Rejection::VersionMismatch));
    assert_eq!(outcomes[2], rejected(Rejection::NotCancellable));
    assert_eq!(clinic.count("appointment_status_history").await, 2);
}

#[tokio::test]
async fn a_batch_may_cancel_a_visit_and_book_its_time_again() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let batch = [
        clinic.book(bob, doctor, &monday("09:00")),
        clinic.cancel(ada, &booked),
        clinic.book(bob, doctor, &monday("09:00")),
        clinic.book(ada, doctor, &monday("09:30")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert_eq!(outcomes[0], rejected(Rejection::SlotTaken));
    assert!(is_applied(&outcomes[1]));
    assert_eq!(visit(outcomes[2].clone()).patient_id, bob);
    assert!(is_applied(&outcomes[3]));
}
