//! `booking.set-availability`.

use contracts::outcome::ConflictingVisit;
use contracts::{Applied, BookingCommand, Conflicts, Outcome, Rejection};
use domain::Role;

use super::clinic::{
    Clinic, doctor_of, early_week, is_applied, monday, nobody, patient_of, rejected, somebody,
};

#[tokio::test]
async fn new_hours_replace_the_old_ones() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let kept = clinic.booked(patient, doctor, &monday("16:00")).await;
    let command = BookingCommand::SetAvailability(early_week(doctor, 20));
    let outcome = clinic.settle_one(&clinic.request(doctor_of(doctor), command)).await;
    let named = ConflictingVisit { id: kept.id, start: kept.start, end: kept.end };
    let conflicts = Conflicts { count: 1, visits: vec![named] };
    let result = Applied::Availability { practitioner_id: doctor, conflicts };
    assert_eq!(outcome, Outcome::Applied { result });

    let late = clinic.settle_one(&clinic.book(patient, doctor, &monday("11:00"))).await;
    assert_eq!(late, rejected(Rejection::OutsideHours));
    clinic.booked(patient, doctor, &monday("09:20")).await;
    let still = format!("appointments WHERE id = '{}' AND status = 'booked'", kept.id);
    assert_eq!(clinic.count(&still).await, 1);
    assert_eq!(clinic.count("outbox WHERE kind = 'practitioner.availability-changed'").await, 1);
}

#[tokio::test]
async fn only_the_doctor_and_administrators_may() {
    let clinic = Clinic::open().await;
    let (doctor, other) = (clinic.doctor().await, clinic.doctor().await);
    let patient = clinic.patient().await;
    let command = || BookingCommand::SetAvailability(early_week(doctor, 30));
    for stranger in [doctor_of(other), patient_of(patient), somebody(Role::Operator)] {
        let outcome = clinic.settle_one(&clinic.request(stranger, command())).await;
        assert_eq!(outcome, rejected(Rejection::NotAllowed), "{stranger}");
    }
    let admin = clinic.request(somebody(Role::Admin), command());
    assert!(is_applied(&clinic.settle_one(&admin).await));

    let unknown = BookingCommand::SetAvailability(early_week(nobody().into(), 30));
    let outcome = clinic.settle_one(&clinic.request(somebody(Role::Admin), unknown)).await;
    assert_eq!(outcome, rejected(Rejection::UnknownPractitioner));
}

#[tokio::test]
async fn hours_that_make_no_sense_change_nothing() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let mut weeks = [early_week(doctor, 7), early_week(doctor, 30), early_week(doctor, 30)];
    weeks[1].time_zone = "Mars/Olympus".to_owned();
    let first = weeks[2].hours[0].clone();
    weeks[2].hours.push(first);
    for week in weeks {
        let command = BookingCommand::SetAvailability(week);
        let outcome = clinic.settle_one(&clinic.request(doctor_of(doctor), command)).await;
        assert_eq!(outcome, rejected(Rejection::InvalidAvailability));
    }
    assert_eq!(clinic.count("availability_rules WHERE ends_at = '17:00'").await, 5);
}

#[tokio::test]
async fn a_doctor_without_hours_cannot_be_booked() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let mut week = early_week(doctor, 30);
    week.hours.clear();
    let command = BookingCommand::SetAvailability(week);
    assert!(is_applied(&clinic.settle_one(&clinic.request(doctor_of(doctor), command)).await));
    let outcome = clinic.settle_one(&clinic.book(patient, doctor, &monday("09:00"))).await;
    assert_eq!(outcome, rejected(Rejection::OutsideHours));
}

#[tokio::test]
async fn bookings_of_a_batch_meet_the_hours_of_their_turn() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let set = |minutes| {
        let command = BookingCommand::SetAvailability(early_week(doctor, minutes));
        clinic.request(doctor_of(doctor), command)
    };
    let batch = [
        clinic.book(patient, doctor, &monday("12:00")),
        set(20),
        clinic.book(patient, doctor, &monday("13:00")),
        clinic.book(patient, doctor, &monday("09:20")),
        set(60),
        set(30),
        clinic.book(patient, doctor, &monday("09:40")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(outcomes[2], rejected(Rejection::OutsideHours));
    assert!(is_applied(&outcomes[3]));
    assert!([1, 4, 5].iter().all(|index| is_applied(&outcomes[*index])));
    assert_eq!(outcomes[6], rejected(Rejection::OffGrid), "the last of both counts");
    assert_eq!(clinic.count("availability_rules WHERE slot_minutes = 30").await, 5);
    assert_eq!(clinic.count("availability_rules").await, 5);
}
