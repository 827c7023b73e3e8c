//! One effect per `Idempotency-Key`.

use contracts::Rejection;

use super::clinic::{Clinic, is_applied, monday, rejected};

#[tokio::test]
async fn the_same_key_and_body_is_the_same_request() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let first = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    let second = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    assert_eq!(first.id(), second.id());
    let outcome = clinic.settle_one(&first).await;
    assert!(is_applied(&outcome));
    assert_eq!(clinic.settle_one(&second).await, outcome);
    assert_eq!(clinic.count("requests").await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let first = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    let other = clinic.book(patient, doctor, &monday("09:30")).with_key("k");
    assert!(is_applied(&clinic.settle_one(&first).await));
    for _ in 0..2 {
        assert_eq!(clinic.settle_one(&other).await, rejected(Rejection::KeyReused));
    }
    assert_eq!(clinic.count("appointments").await, 1);
    let without_key = "requests WHERE idempotency_id IS NULL AND reason = 'key_reused'";
    assert_eq!(clinic.count(without_key).await, 1);
}

#[tokio::test]
async fn the_first_body_wins_within_a_batch() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let first = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    let other = clinic.book(patient, doctor, &monday("09:30")).with_key("k");
    let own = clinic.book(patient, doctor, &monday("10:00")).with_key("l");
    let outcomes = clinic.settle(&[&first, &other, &own, &first]).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(outcomes[1], rejected(Rejection::KeyReused));
    assert!(is_applied(&outcomes[2]));
    assert_eq!(outcomes[3], outcomes[0]);
}

#[tokio::test]
async fn a_rejected_request_holds_its_key() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let first = clinic.book(patient, doctor, &monday("08:00")).with_key("k");
    let other = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    assert_eq!(clinic.settle_one(&first).await, rejected(Rejection::OutsideHours));
    assert_eq!(clinic.settle_one(&other).await, rejected(Rejection::KeyReused));
}
