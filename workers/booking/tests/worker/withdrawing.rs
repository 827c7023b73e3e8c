//! `booking.withdraw`: tombstones.

use contracts::{Applied, Outcome, Rejection};

use super::clinic::{Clinic, Incoming, is_applied, monday, patient_of, rejected};

fn withdrawn(target: &Incoming) -> Outcome {
    Outcome::Applied { result: Applied::Withdrawal { request_id: target.id() } }
}

#[tokio::test]
async fn a_withdrawn_request_does_nothing_when_its_turn_comes() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booking = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    assert_eq!(clinic.settle_one(&clinic.withdraw(&booking)).await, withdrawn(&booking));
    assert_eq!(clinic.settle_one(&booking).await, Outcome::Withdrawn);
    assert_eq!(clinic.settle_one(&booking).await, Outcome::Withdrawn);
    assert_eq!(clinic.count("appointments").await, 0);

    // The row tells of the target, not of its withdrawal.
    let row = clinic
        .admin
        .query_one(
            "SELECT kind, caller_id, idempotency_id, stream_sequence, correlation_id
             FROM requests WHERE id = $1",
            &[&booking.id().as_uuid()],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "book");
    assert_eq!(row.get::<_, uuid::Uuid>(1), patient.as_uuid());
    let key = booking.metadata.idempotency_id.map(contracts::IdempotencyId::as_uuid);
    assert_eq!(row.get::<_, Option<uuid::Uuid>>(2), key);
    assert_eq!(row.get::<_, i64>(3), booking.stream_sequence.cast_signed());
    assert_eq!(row.get::<_, uuid::Uuid>(4), booking.metadata.correlation_id.as_uuid());
}

#[tokio::test]
async fn what_has_ended_cannot_be_withdrawn() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booking = clinic.book(patient, doctor, &monday("09:00"));
    assert!(is_applied(&clinic.settle_one(&booking).await));
    let late = clinic.withdraw(&booking);
    assert_eq!(clinic.settle_one(&late).await, rejected(Rejection::AlreadySettled));
    assert!(is_applied(&clinic.settle_one(&booking).await));
}

#[tokio::test]
async fn withdrawing_twice_is_no_error_and_others_may_not() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booking = clinic.book(patient, doctor, &monday("09:00"));
    let stranger = patient_of(clinic.patient().await);
    let [first, second, third] = [(); 3].map(|()| clinic.withdraw(&booking));
    let foreign = clinic.request(stranger, booking.withdrawal());
    let outcomes = clinic.settle(&[&first, &second, &foreign]).await;
    assert_eq!(outcomes[..2], [withdrawn(&booking), withdrawn(&booking)]);
    assert_eq!(outcomes[2], rejected(Rejection::NotAllowed));
    assert_eq!(clinic.settle_one(&third).await, withdrawn(&booking));
    let foreign = clinic.request(stranger, booking.withdrawal());
    assert_eq!(clinic.settle_one(&foreign).await, rejected(Rejection::NotAllowed));
}

#[tokio::test]
async fn within_a_batch_the_order_decides() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let late = clinic.book(ada, doctor, &monday("09:00"));
    let early = clinic.book(bob, doctor, &monday("10:00"));
    let batch = [
        late.clone(),
        clinic.withdraw(&late),
        clinic.withdraw(&early),
        early.clone(),
        clinic.book(ada, doctor, &monday("10:00")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(outcomes[1], rejected(Rejection::AlreadySettled));
    assert_eq!(outcomes[2], withdrawn(&early));
    assert_eq!(outcomes[3], Outcome::Withdrawn);
    assert!(is_applied(&outcomes[4]));
}

#[tokio::test]
async fn a_withdrawn_request_keeps_its_key() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booking = clinic.book(patient, doctor, &monday("09:00")).with_key("k");
    let other = clinic.book(patient, doctor, &monday("10:00")).with_key("k");
    // The other one was first: the tombstone has to do without the key.
    assert!(is_applied(&clinic.settle_one(&other).await));
    assert_eq!(clinic.settle_one(&clinic.withdraw(&booking)).await, withdrawn(&booking));

    let booking = clinic.book(patient, doctor, &monday("11:00")).with_key("l");
    let other = clinic.book(patient, doctor, &monday("12:00")).with_key("l");
    assert_eq!(clinic.settle_one(&clinic.withdraw(&booking)).await, withdrawn(&booking));
    assert_eq!(clinic.settle_one(&other).await, rejected(Rejection::KeyReused));
}
