//! What the schema forbids, even to the worker's own role with SQL of its own.

use store::ServiceRole;
use tokio_postgres::error::SqlState;

use super::clinic::{Clinic, monday};

#[tokio::test]
async fn no_time_is_taken_twice() {
    let clinic = Clinic::open().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let (doctor, other) = (clinic.doctor().await, clinic.doctor().await);
    let client = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    clinic.insert_raw(&client, doctor, ada, &monday("09:00")).await.unwrap();
    for (doctor, patient, start, constraint) in [
        (doctor, bob, "09:00", "appointments_practitioner_busy"),
        (doctor, bob, "09:29", "appointments_practitioner_busy"),
        (other, ada, "08:31", "appointments_patient_busy"),
    ] {
        let refused = clinic.insert_raw(&client, doctor, patient, &monday(start)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::EXCLUSION_VIOLATION));
        assert_eq!(refused.as_db_error().unwrap().constraint(), Some(constraint));
    }
    clinic.insert_raw(&client, doctor, bob, &monday("09:30")).await.unwrap();
    client
        .batch_execute(
            "UPDATE appointments SET status = 'cancelled', cancelation_reason = 'pat',
                 version = version + 1",
        )
        .await
        .unwrap();
    clinic.insert_raw(&client, doctor, bob, &monday("09:00")).await.unwrap();
}

#[tokio::test]
async fn the_worker_has_no_right_to_what_it_does_not_need() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    clinic.booked(patient, doctor, &monday("09:00")).await;
    let client = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    for forbidden in [
        "SELECT email FROM users",
        "SELECT password_hash FROM users",
        "SELECT given_name FROM patients",
        "SELECT licence FROM practitioners",
        "SELECT * FROM sessions",
        "SELECT * FROM refresh_tokens",
        "UPDATE users SET role = 'admin'",
        "UPDATE practitioners SET approved_at = now()",
        "UPDATE appointments SET patient_id = practitioner_id",
        "DELETE FROM appointments",
        "UPDATE appointment_status_history SET reason = 'pat'",
        "DELETE FROM appointment_status_history",
        "UPDATE requests SET outcome = 'withdrawn'",
        "DELETE FROM requests",
        "TRUNCATE outbox",
        "ALTER TABLE appointments DROP CONSTRAINT appointments_practitioner_busy",
    ] {
        let refused = client.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}
