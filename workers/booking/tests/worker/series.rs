//! `booking.book-series` and `booking.cancel-series`.

use contracts::{Outcome, Rejection};
use domain::AppointmentStatus;
use futures::future::join;
use jiff::{SignedDuration, Timestamp};
use store::ServiceRole;

use super::clinic::{Clinic, instant, is_applied, monday, rejected};
use super::life::series_of;

fn weeks(first: &str, weeks: &[i64]) -> Vec<Timestamp> {
    let later = |weeks: &i64| instant(first) + SignedDuration::from_hours(weeks * 7 * 24);
    weeks.iter().map(later).collect()
}

#[tokio::test]
async fn a_series_is_booked_whole() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.series(ada, doctor, &monday("09:00"), 2, 5);
    let outcome = clinic.settle_one(&request).await;
    assert_eq!(clinic.settle_one(&request).await, outcome, "it is stored whole");
    let series = series_of(outcome);
    let starts: Vec<_> = series.appointments.iter().map(|visit| visit.start).collect();
    assert_eq!(starts, weeks(&monday("09:00"), &[0, 2, 4, 6, 8]));
    assert!(series.appointments.iter().all(|visit| visit.series_id == Some(series.id)));
    assert_eq!(clinic.count("outbox WHERE kind = 'appointment.booked'").await, 5);
    assert_eq!(clinic.count("appointment_status_history").await, 5);
}

#[tokio::test]
async fn what_is_in_the_way_of_one_date_is_in_the_way_of_all_and_is_named() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    clinic.booked(bob, doctor, "2027-02-15T09:00:00-03:00").await;
    clinic.booked(ada, colleague, "2027-03-01T09:00:00-03:00").await;
    let request = clinic.series(ada, doctor, &monday("09:00"), 1, 4);
    let outcome = clinic.settle_one(&request).await;
    let times = weeks(&monday("09:00"), &[1, 3]);
    assert_eq!(outcome, Outcome::Blocked { reason: Rejection::SlotTaken, times });
    assert_eq!(clinic.settle_one(&request).await, outcome, "the dates are stored");
    assert_eq!(clinic.count("appointments").await, 2);

    // Dates on which nobody works are told as well.
    let saturday = clinic.series(ada, doctor, "2027-02-13T09:00:00-03:00", 1, 2);
    assert_eq!(clinic.settle_one(&saturday).await, rejected(Rejection::OutsideHours));
    // The clocks of São Paulo don't change in 2027; New York's do, on 14 March at two.
    let new_york = clinic.doctor().await;
    let id = new_york.as_uuid();
    let moved = "DELETE FROM availability_rules WHERE practitioner_id = $1";
    clinic.admin.execute(moved, &[&id]).await.unwrap();
    clinic.hours(new_york, "America/New_York", &[7], "00:00", "05:00", 30).await;
    let night = clinic.series(ada, new_york, "2027-03-07T02:30:00-05:00", 1, 3);
    let outcome = clinic.settle_one(&night).await;
    let times = vec![instant("2027-03-14T03:30:00-04:00")];
    assert_eq!(outcome, Outcome::Blocked { reason: Rejection::StartInGap, times });
}

#[tokio::test]
async fn a_date_that_is_taken_meanwhile_takes_all_of_them() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let rival = clinic.database.connect_as(ServiceRole::Booking).await.unwrap();
    rival.batch_execute("BEGIN").await.unwrap();
    let third = "2027-02-22T09:00:00-03:00";
    clinic.insert_raw(&rival, doctor, bob, third).await.unwrap();
    let request = clinic.series(ada, doctor, &monday("09:00"), 1, 4);
    let rivals_end = async {
        clinic.until_somebody_waits().await;
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (outcome, ()) = join(clinic.settle_one(&request), rivals_end).await;
    let times = vec![instant(third)];
    assert_eq!(outcome, Outcome::Blocked { reason: Rejection::SlotTaken, times });
    assert_eq!(clinic.count("appointments").await, 1);
}

#[tokio::test]
async fn the_rest_of_a_series_is_called_off() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let bob = clinic.patient().await;
    let request = clinic.series(ada, doctor, &monday("09:00"), 1, 4);
    let series = series_of(clinic.settle_one(&request).await);
    let strange = clinic.settle_one(&clinic.end_series(bob, series.id)).await;
    assert_eq!(strange, rejected(Rejection::UnknownSeries));
    // The first is over, the second too near.
    clinic.clock.advance(SignedDuration::from_hours(14 * 24));
    let ended = series_of(clinic.settle_one(&clinic.end_series(ada, series.id)).await);
    let ids: Vec<_> = ended.appointments.iter().map(|visit| visit.id).collect();
    assert_eq!(ids, [series.appointments[2].id, series.appointments[3].id]);
    assert!(ended.appointments.iter().all(|it| it.status == AppointmentStatus::Cancelled));
    assert_eq!(clinic.count("appointments WHERE status = 'booked'").await, 2);
    assert_eq!(clinic.count("outbox WHERE kind = 'appointment.cancelled'").await, 2);
    let again = clinic.settle_one(&clinic.end_series(ada, series.id)).await;
    assert_eq!(again, rejected(Rejection::PastCutOff));

    // In one batch, what follows finds the times free.
    let batch = [
        clinic.series(ada, doctor, &monday("10:00"), 1, 3),
        clinic.book(bob, doctor, "2027-02-22T09:00:00-03:00"),
    ];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    assert_eq!(outcomes[0], rejected(Rejection::StartInPast));
    assert!(is_applied(&outcomes[1]));
}
