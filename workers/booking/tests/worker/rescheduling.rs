//! `booking.reschedule`.

use contracts::{BookingCommand, Rejection, RescheduleAppointment};
use domain::{AppointmentStatus, Role};
use futures::future::join;
use jiff::SignedDuration;
use store::ServiceRole;

use super::clinic::{Clinic, doctor_of, instant, is_applied, monday, rejected, somebody, visit};
use super::life::reschedule;

#[tokio::test]
async fn a_visit_moves_in_one_step_and_its_old_time_is_free() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let moved = visit(clinic.settle_one(&clinic.reschedule(&booked, &monday("11:00"))).await);
    assert_eq!((moved.id, moved.version), (booked.id, 2));
    assert_eq!((moved.start, moved.end), (instant(&monday("11:00")), instant(&monday("11:30"))));
    assert_eq!(moved.status, AppointmentStatus::Booked);
    clinic.booked(bob, doctor, &monday("09:00")).await;
    let taken = clinic.settle_one(&clinic.book(bob, doctor, &monday("11:00"))).await;
    assert_eq!(taken, rejected(Rejection::SlotTaken));

    let history = clinic.history(&booked).await;
    let times: Vec<_> = history.iter().map(|(_, status, start, _)| (&**status, &**start)).collect();
    assert_eq!(times, [("booked", "02-08 09:00"), ("booked", "02-08 11:00")]);
    let fact = "SELECT body #>> '{previous,start}', body #>> '{appointment,start}' FROM outbox
                WHERE kind = 'appointment.rescheduled'";
    let fact = clinic.admin.query_one(fact, &[]).await.unwrap();
    let [old, new] = [0, 1].map(|column| instant(fact.get::<_, &str>(column)));
    assert_eq!((old, new), (booked.start, moved.start));
}

#[tokio::test]
async fn a_visit_whose_new_time_is_taken_stays_where_it_is() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    clinic.booked(bob, doctor, &monday("10:00")).await;
    clinic.booked(ada, colleague, &monday("11:00")).await;
    for (time, reason) in [
        (monday("10:00"), Rejection::SlotTaken),
        (monday("11:00"), Rejection::PatientBusy),
        (monday("09:15"), Rejection::OffGrid),
        (monday("18:00"), Rejection::OutsideHours),
        ("2027-01-29T09:00:00-03:00".to_owned(), Rejection::StartInPast),
    ] {
        let refused = clinic.settle_one(&clinic.reschedule(&booked, &time)).await;
        assert_eq!(refused, rejected(reason), "{time}");
    }
    let still = format!(
        "appointments WHERE id = '{}' AND version = 1 AND lower(during) = '{}'",
        booked.id, booked.start
    );
    assert_eq!(clinic.count(&still).await, 1);
    assert_eq!(clinic.history(&booked).await.len(), 1);
    assert_eq!(clinic.count("outbox WHERE kind = 'appointment.rescheduled'").await, 0);
}

#[tokio::test]
async fn its_own_old_time_is_not_in_its_way() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    // Slots of twenty minutes from now on: 09:20 meets the visit itself, until 09:30.
    let week = super::clinic::early_week(doctor, 20);
    let hours = clinic.request(doctor_of(doctor), BookingCommand::SetAvailability(week));
    let batch = [hours, clinic.reschedule(&booked, &monday("09:20"))];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    assert_eq!(visit(outcomes[1].clone()).start, instant(&monday("09:20")));
}

#[tokio::test]
async fn patients_move_a_visit_to_another_doctor_and_doctors_do_not() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let ada = clinic.patient().await;
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let to_colleague = RescheduleAppointment {
        practitioner_id: Some(colleague),
        ..reschedule(&booked, &monday("09:00"))
    };
    let command = BookingCommand::Reschedule(to_colleague);
    let refused = clinic.settle_one(&clinic.request(doctor_of(doctor), command.clone())).await;
    assert_eq!(refused, rejected(Rejection::NotAllowed));
    let patient = super::clinic::patient_of(ada);
    let moved = visit(clinic.settle_one(&clinic.request(patient, command)).await);
    assert_eq!((moved.practitioner_id, moved.start), (colleague, booked.start));
    // It is the colleague's from now on, and the doctor's time is free.
    let bob = clinic.patient().await;
    clinic.booked(bob, doctor, &monday("09:00")).await;
    let own = BookingCommand::Reschedule(reschedule(&moved, &monday("10:00")));
    let strange = clinic.settle_one(&clinic.request(doctor_of(doctor), own.clone())).await;
    assert_eq!(strange, rejected(Rejection::UnknownAppointment));
    assert!(is_applied(&clinic.settle_one(&clinic.request(doctor_of(colleague), own)).await));
}

#[tokio::test]
async fn it_is_too_late_for_patients_a_day_before() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    clinic.clock.advance(SignedDuration::from_hours(6 * 24 + 2));
    let late = clinic.settle_one(&clinic.reschedule(&booked, &monday("15:00"))).await;
    assert_eq!(late, rejected(Rejection::PastCutOff));
    let late = clinic.settle_one(&clinic.cancel(ada, &booked)).await;
    assert_eq!(late, rejected(Rejection::PastCutOff));

    let admin = somebody(Role::Admin);
    let by_admin = |reason: Option<&str>| {
        let override_reason = reason.map(|reason| reason.to_owned().try_into().unwrap());
        let command =
            RescheduleAppointment { override_reason, ..reschedule(&booked, &monday("15:00")) };
        clinic.request(admin, BookingCommand::Reschedule(command))
    };
    assert_eq!(clinic.settle_one(&by_admin(None)).await, rejected(Rejection::PastCutOff));
    let moved = visit(clinic.settle_one(&by_admin(Some("the train is late"))).await);
    let reason = "outbox WHERE kind = 'appointment.rescheduled'
                  AND body ->> 'override_reason' = 'the train is late'";
    assert_eq!(clinic.count(reason).await, 1);
    let by_doctor = BookingCommand::Reschedule(reschedule(&moved, &monday("16:00")));
    assert!(is_applied(&clinic.settle_one(&clinic.request(doctor_of(doctor), by_doctor)).await));
}

#[tokio::test]
async fn whoever_takes_the_time_between_look_and_write_keeps_it() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN").await.unwrap();
    clinic.insert_raw(&rival, doctor, bob, &monday("11:00")).await.unwrap();

    let request = clinic.reschedule(&booked, &monday("11:00"));
    let rivals_end = async {
        clinic.until_somebody_waits().await;
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (outcome, ()) = join(clinic.settle_one(&request), rivals_end).await;
    assert_eq!(outcome, rejected(Rejection::SlotTaken));
    assert_eq!(clinic.history(&booked).await.len(), 1);
}

#[tokio::test]
async fn an_expired_hold_is_not_in_the_way_of_a_move() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    visit(clinic.settle_one(&clinic.hold(bob, doctor, &monday("11:00"))).await);
    let refused = clinic.settle_one(&clinic.reschedule(&booked, &monday("11:00"))).await;
    assert_eq!(refused, rejected(Rejection::SlotTaken));
    clinic.clock.advance(SignedDuration::from_mins(5));
    let moved = clinic.settle_one(&clinic.reschedule(&booked, &monday("11:00"))).await;
    assert_eq!(visit(moved).start, instant(&monday("11:00")));
}
