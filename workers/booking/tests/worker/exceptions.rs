//! `booking.set-exception`.

use contracts::{Applied, BookingCommand, Conflicts, Outcome, Rejection, SetException};
use domain::{PractitionerId, Role};

use super::clinic::{
    Clinic, MONDAY, doctor_of, is_applied, monday, nobody, patient_of, rejected, somebody,
};

fn conflicts(outcome: &Outcome) -> &Conflicts {
    match outcome {
        Outcome::Applied { result: Applied::Exception { conflicts, .. } } => conflicts,
        other => panic!("expected a changed date, got {other:?}"),
    }
}

#[tokio::test]
async fn a_closed_date_names_the_visits_it_meets_and_drops_none() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let early = clinic.booked(patient, doctor, &monday("09:00")).await;
    let late = clinic.booked(patient, doctor, &monday("15:30")).await;
    clinic.booked(patient, doctor, "2027-02-09T15:30:00-03:00").await;

    let afternoon = [("closed", "15:00", "16:00")];
    let outcome = clinic.settle_one(&clinic.set_monday(doctor, &afternoon)).await;
    let named: Vec<_> = conflicts(&outcome).visits.iter().map(|visit| visit.id).collect();
    assert_eq!(named, [late.id]);
    let refused = clinic.settle_one(&clinic.book(patient, doctor, &monday("15:00"))).await;
    assert_eq!(refused, rejected(Rejection::OutsideHours));
    clinic.booked(patient, doctor, &monday("16:00")).await;

    let all_day = [("closed", "00:00", "00:00")];
    let outcome = clinic.settle_one(&clinic.set_monday(doctor, &all_day)).await;
    assert_eq!(conflicts(&outcome).count, 3);
    assert_eq!(conflicts(&outcome).visits[0].id, early.id, "the earliest first");
    assert_eq!(clinic.count("appointments WHERE status = 'booked'").await, 4);
    let kind = "outbox WHERE kind = 'practitioner.availability-changed'";
    assert_eq!(clinic.count(kind).await, 2);
}

#[tokio::test]
async fn a_date_can_be_open_until_midnight_and_as_usual_again() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let night = [("open", "22:00", "00:00")];
    assert!(is_applied(&clinic.settle_one(&clinic.set_monday(doctor, &night)).await));
    let booked = clinic.booked(patient, doctor, &monday("23:30")).await;
    assert_eq!(booked.end.to_string(), "2027-02-09T03:00:00Z");

    let outcome = clinic.settle_one(&clinic.set_monday(doctor, &[])).await;
    assert_eq!(conflicts(&outcome).count, 1);
    let refused = clinic.settle_one(&clinic.book(patient, doctor, &monday("23:00"))).await;
    assert_eq!(refused, rejected(Rejection::OutsideHours));
    assert_eq!(clinic.count("availability_exceptions").await, 0);
}

#[tokio::test]
async fn bookings_of_a_batch_meet_the_dates_of_their_turn() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let batch = [
        clinic.book(patient, doctor, &monday("09:00")),
        clinic.set_monday(doctor, &[("closed", "00:00", "00:00")]),
        clinic.book(patient, doctor, &monday("10:00")),
        clinic.set_monday(doctor, &[("closed", "00:00", "12:00")]),
        clinic.book(patient, doctor, &monday("12:00")),
        clinic.book(patient, doctor, &monday("11:30")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]));
    assert_eq!(conflicts(&outcomes[1]).count, 1);
    assert_eq!(outcomes[2], rejected(Rejection::OutsideHours));
    assert_eq!(conflicts(&outcomes[3]).count, 1);
    assert!(is_applied(&outcomes[4]));
    assert_eq!(outcomes[5], rejected(Rejection::OutsideHours));
}

#[tokio::test]
async fn exceptions_that_make_no_sense_or_are_somebody_elses_change_nothing() {
    let clinic = Clinic::open().await;
    let (doctor, other) = (clinic.doctor().await, clinic.doctor().await);
    let patient = clinic.patient().await;
    let set = |practitioner_id: PractitionerId| {
        let incoming = clinic.set_monday(practitioner_id, &[("closed", "00:00", "00:00")]);
        incoming.command
    };
    for stranger in [doctor_of(other), patient_of(patient), somebody(Role::Operator)] {
        let outcome = clinic.settle_one(&clinic.request(stranger, set(doctor))).await;
        assert_eq!(outcome, rejected(Rejection::NotAllowed), "{stranger}");
    }
    let admin = somebody(Role::Admin);
    let unknown = clinic.settle_one(&clinic.request(admin, set(nobody().into()))).await;
    assert_eq!(unknown, rejected(Rejection::UnknownPractitioner));
    let idle = clinic.unapproved_doctor().await;
    let without_week = clinic.settle_one(&clinic.request(admin, set(idle))).await;
    assert_eq!(without_week, rejected(Rejection::InvalidAvailability));
    let backwards = clinic.set_monday(doctor, &[("open", "12:00", "09:00")]);
    assert_eq!(clinic.settle_one(&backwards).await, rejected(Rejection::InvalidAvailability));
    let BookingCommand::SetException(mut elsewhere) =
        clinic.set_monday(doctor, &[("open", "18:00", "19:00")]).command
    else {
        unreachable!("it is one")
    };
    elsewhere.entries[0].location_id = Some(nobody().into());
    let elsewhere = BookingCommand::SetException(elsewhere);
    let outcome = clinic.settle_one(&clinic.request(admin, elsewhere)).await;
    assert_eq!(outcome, rejected(Rejection::UnknownLocation));
    let undo =
        SetException { practitioner_id: doctor, date: MONDAY.parse().unwrap(), entries: vec![] };
    let undo = clinic.request(admin, BookingCommand::SetException(undo));
    assert!(is_applied(&clinic.settle_one(&undo).await), "there is nothing to take away");
    assert_eq!(clinic.count("availability_exceptions").await, 0);
}
