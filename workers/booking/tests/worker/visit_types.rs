//! `booking.set-service`, `booking.set-location`, and what they mean for bookings.

use contracts::commands::Seen;
use contracts::{BookingCommand, Rejection, SetService};
use domain::{Modality, Role};

use super::clinic::{
    Clinic, is_applied, monday, nobody, patient_of, plain_service, rejected, set_location,
    somebody, visit, week_at,
};

#[tokio::test]
async fn a_visit_lasts_as_long_as_its_type_and_keeps_the_room_around_it() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let long = clinic
        .service(SetService {
            duration_minutes: 50,
            buffer_before_minutes: 15,
            buffer_after_minutes: 20,
            ..plain_service()
        })
        .await;
    let book = |time: &str| {
        let of = (patient, doctor);
        clinic.book_there(of, &monday(time), Some(long.id), None)
    };
    // What comes before it may lie outside of opening hours.
    let booked = visit(clinic.settle_one(&book("09:00")).await);
    assert_eq!(booked.end.to_string(), "2027-02-08T12:50:00Z");
    assert_eq!((booked.service_id, booked.location_id), (Some(long.id), None));
    let occupied = "appointments WHERE occupied =
        tstzrange('2027-02-08T08:45:00-03:00', '2027-02-08T10:10:00-03:00')";
    assert_eq!(clinic.count(occupied).await, 1);

    let other = clinic.patient().await;
    for (time, taken) in [("09:30", true), ("10:00", true), ("10:30", false)] {
        let outcome = clinic.settle_one(&clinic.book(other, doctor, &monday(time))).await;
        assert_eq!(outcome == rejected(Rejection::SlotTaken), taken, "{time}: {outcome:?}");
    }
    let too_long = clinic.settle_one(&book("16:30")).await;
    assert_eq!(too_long, rejected(Rejection::OutsideHours));
    assert_eq!(clinic.settle_one(&book("11:10")).await, rejected(Rejection::OffGrid));
}

#[tokio::test]
async fn buffers_of_two_visits_in_one_batch_do_not_overlap() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let buffered = SetService { buffer_after_minutes: 30, ..plain_service() };
    let service = clinic.service(buffered).await.id;
    let mut batch = Vec::new();
    for time in ["09:00", "09:30", "10:00"] {
        let of = (clinic.patient().await, doctor);
        batch.push(clinic.book_there(of, &monday(time), Some(service), None));
    }
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]) && is_applied(&outcomes[2]));
    assert_eq!(outcomes[1], rejected(Rejection::SlotTaken));
}

#[tokio::test]
async fn a_visit_is_booked_neither_too_late_nor_too_early() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    // The clock shows eight o'clock on the Monday before.
    let service = SetService { minimum_notice_minutes: 120, horizon_days: 7, ..plain_service() };
    let service = clinic.service(service).await.id;
    for (start, expected) in [
        ("2027-02-01T09:30:00-03:00", Some(Rejection::TooSoon)),
        ("2027-02-01T10:00:00-03:00", None),
        ("2027-02-05T16:30:00-03:00", None),
        ("2027-02-08T09:00:00-03:00", Some(Rejection::BeyondHorizon)),
        ("2027-02-01T07:30:00-03:00", Some(Rejection::StartInPast)),
    ] {
        let request = clinic.book_there((patient, doctor), start, Some(service), None);
        let outcome = clinic.settle_one(&request).await;
        assert_eq!(outcome.reason(), expected, "{start}");
    }

    let settler = clinic.settler_on(clinic.pool.clone()).with_standard_horizon(5);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    let outcomes = super::clinic::settle(&settler, &[&request]).await.unwrap();
    assert_eq!(outcomes, [rejected(Rejection::BeyondHorizon)], "standard visits have one, too");
}

#[tokio::test]
async fn only_what_is_offered_can_be_booked() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let of = (patient, doctor);
    let heart = SetService { specialty: Some("cardiology".to_owned()), ..plain_service() };
    let heart = clinic.service(heart).await.id;
    let plain = clinic.service(plain_service()).await;
    let retired = SetService { active: false, ..plain_service() };
    let retired = clinic.service(retired).await.id;
    let nine = monday("09:00");
    for (service, reason) in [
        (heart, Rejection::NotOffered),
        (retired, Rejection::UnknownService),
        (nobody().into(), Rejection::UnknownService),
    ] {
        let outcome = clinic.settle_one(&clinic.book_there(of, &nine, Some(service), None)).await;
        assert_eq!(outcome, rejected(reason));
    }

    // From nine to ten, this visit type alone.
    let week = week_at(doctor, None, &[plain.id]);
    let week = clinic.request(somebody(Role::Admin), week);
    assert!(is_applied(&clinic.settle_one(&week).await));
    let standard = clinic.settle_one(&clinic.book(patient, doctor, &nine)).await;
    assert_eq!(standard, rejected(Rejection::NotOffered));
    let booked = clinic.settle_one(&clinic.book_there(of, &nine, Some(plain.id), None)).await;
    assert_eq!(visit(booked).service_id, Some(plain.id));
}

#[tokio::test]
async fn a_visit_is_where_the_doctor_is_and_by_video_nowhere() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let of = (patient, doctor);
    let (here, there) = (clinic.location(None, true).await, clinic.location(None, true).await);
    assert_eq!(here.time_zone, "America/Sao_Paulo", "in the database's spelling");
    let week = clinic.request(somebody(Role::Admin), week_at(doctor, Some(here.id), &[]));
    assert!(is_applied(&clinic.settle_one(&week).await));

    let nine = monday("09:00");
    let outcome = clinic.settle_one(&clinic.book_there(of, &nine, None, Some(there.id))).await;
    assert_eq!(outcome, rejected(Rejection::NotOffered));
    let nowhere = clinic.book_there(of, &nine, None, Some(nobody().into()));
    assert_eq!(clinic.settle_one(&nowhere).await, rejected(Rejection::UnknownLocation));
    let booked = visit(clinic.settle_one(&clinic.book(patient, doctor, &nine)).await);
    assert_eq!(booked.location_id, Some(here.id), "wherever the doctor is then");

    let video = SetService { modality: Modality::Video, ..plain_service() };
    let video = clinic.service(video).await.id;
    let half_past = monday("09:30");
    let placed = clinic.book_there(of, &half_past, Some(video), Some(here.id));
    assert_eq!(clinic.settle_one(&placed).await, rejected(Rejection::NotOffered));
    let booked = clinic.settle_one(&clinic.book_there(of, &half_past, Some(video), None)).await;
    assert_eq!(visit(booked).location_id, None);

    let seen = Seen { id: here.id, version: 1 };
    let closed = clinic.location(Some(seen), false).await;
    assert_eq!((closed.version, closed.active), (2, false));
    let tuesday = "2027-02-09T09:00:00-03:00";
    let outcome = clinic.settle_one(&clinic.book(patient, doctor, tuesday)).await;
    assert_eq!(outcome, rejected(Rejection::NotOffered), "nobody is seen there any more");
    let named = clinic.book_there(of, tuesday, None, Some(here.id));
    assert_eq!(clinic.settle_one(&named).await, rejected(Rejection::UnknownLocation));
}

#[tokio::test]
async fn only_administrators_change_what_can_be_booked_and_only_what_they_saw() {
    let clinic = Clinic::open().await;
    let patient = clinic.patient().await;
    let service = clinic.service(plain_service()).await;
    let admin = somebody(Role::Admin);
    for stranger in [patient_of(patient), somebody(Role::Doctor), somebody(Role::Operator)] {
        for command in [BookingCommand::SetService(plain_service()), set_location(None, true)] {
            let outcome = clinic.settle_one(&clinic.request(stranger, command)).await;
            assert_eq!(outcome, rejected(Rejection::NotAllowed), "{stranger}");
        }
    }
    let change = |id, version| {
        let changed = Some(Seen { id, version });
        let command = SetService { changed, duration_minutes: 45, ..plain_service() };
        clinic.request(admin, BookingCommand::SetService(command))
    };
    let batch = [
        change(service.id, 1),
        change(service.id, 1),
        change(service.id, 2),
        change(nobody().into(), 1),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert!(is_applied(&outcomes[0]) && is_applied(&outcomes[2]));
    assert_eq!(outcomes[1], rejected(Rejection::VersionMismatch));
    assert_eq!(outcomes[3], rejected(Rejection::UnknownService));
    let wrong = SetService { duration_minutes: 1, ..plain_service() };
    let wrong = clinic.request(admin, BookingCommand::SetService(wrong));
    assert_eq!(clinic.settle_one(&wrong).await, rejected(Rejection::InvalidService));

    let current = "healthcare_services WHERE version = 3 AND duration_minutes = 45";
    assert_eq!(clinic.count(current).await, 1);
    assert_eq!(clinic.count("healthcare_services").await, 1);
    assert_eq!(clinic.count("outbox WHERE kind = 'healthcare-service.changed'").await, 3);
}

#[tokio::test]
async fn bookings_of_a_batch_meet_the_visit_types_of_their_turn() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let service = clinic.service(plain_service()).await;
    let set = |version, duration_minutes| {
        let changed = Some(Seen { id: service.id, version });
        let command = SetService { changed, duration_minutes, ..plain_service() };
        clinic.request(somebody(Role::Admin), BookingCommand::SetService(command))
    };
    let book =
        |time: &str| clinic.book_there((patient, doctor), &monday(time), Some(service.id), None);
    let batch = [book("09:00"), set(1, 60), book("10:00"), set(2, 90), book("11:00")];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    let lengths = [0, 2, 4].map(|index: usize| {
        let booked = visit(outcomes[index].clone());
        booked.start.duration_until(booked.end).as_mins()
    });
    assert_eq!(lengths, [30, 60, 90]);
}
