//! `booking.hold`, `booking.confirm` and `booking.release`.

use booking::Rules;
use contracts::Rejection;
use domain::{AppointmentStatus, CancelationReason, Role};
use futures::future::join;
use jiff::SignedDuration;
use store::ServiceRole;
use store::booking::Pool;

use super::clinic::{Clinic, NOW, instant, is_applied, monday, rejected, settle, somebody, visit};
use super::life::{seen, wanted};
use contracts::BookingCommand;

#[tokio::test]
async fn a_hold_keeps_its_time_and_becomes_a_visit() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let hold = visit(clinic.settle_one(&clinic.hold(ada, doctor, &monday("09:00"))).await);
    assert_eq!((hold.status, hold.version), (AppointmentStatus::Pending, 1));
    assert_eq!(hold.expires_at, Some(instant(NOW) + SignedDuration::from_mins(5)));
    let meanwhile = clinic.settle_one(&clinic.book(bob, doctor, &monday("09:00"))).await;
    assert_eq!(meanwhile, rejected(Rejection::SlotTaken));

    let booked = visit(clinic.settle_one(&clinic.confirm(&hold)).await);
    assert_eq!((booked.id, booked.version), (hold.id, 2));
    assert_eq!((booked.status, booked.expires_at), (AppointmentStatus::Booked, None));
    let kinds = "outbox WHERE kind IN ('appointment.held', 'appointment.booked')";
    assert_eq!(clinic.count(kinds).await, 2);
    let again = clinic.settle_one(&clinic.confirm(&booked)).await;
    assert_eq!(again, rejected(Rejection::StatusConflict));
}

#[tokio::test]
async fn a_hold_that_is_given_back_is_free_at_once() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let hold = visit(clinic.settle_one(&clinic.hold(ada, doctor, &monday("09:00"))).await);
    let batch = [clinic.release(&hold), clinic.book(bob, doctor, &monday("09:00"))];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    let released = visit(outcomes[0].clone());
    assert_eq!(released.status, AppointmentStatus::Cancelled);
    assert_eq!(released.cancelation_reason, Some(CancelationReason::HoldReleased));
    assert!(is_applied(&outcomes[1]));
}

#[tokio::test]
async fn an_expired_hold_is_in_nobodys_way_although_nobody_cleared_it_up() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let [nine, ten] = ["09:00", "10:00"].map(monday);
    let hold = visit(clinic.settle_one(&clinic.hold(ada, doctor, &nine)).await);
    let other = visit(clinic.settle_one(&clinic.hold(ada, doctor, &ten)).await);
    // Nothing runs meanwhile.
    clinic.clock.advance(SignedDuration::from_mins(5));
    let active = "appointments WHERE status = 'pending'";
    assert_eq!(clinic.count(active).await, 2);

    clinic.booked(bob, doctor, &nine).await;
    // Nor is it in the way of its own patient, elsewhere.
    clinic.booked(ada, colleague, &ten).await;
    assert_eq!(clinic.count(active).await, 0);
    let history = clinic.history(&hold).await;
    let last = history.last().unwrap();
    assert_eq!((last.0, last.1.as_str()), (2, "cancelled"));
    let reasons = "appointments WHERE cancelation_reason = 'hold-expired' AND expires_at IS NULL";
    assert_eq!(clinic.count(reasons).await, 2);
    let told = "outbox WHERE kind = 'appointment.cancelled'";
    assert_eq!(clinic.count(told).await, 2);
    for hold in [&hold, &other] {
        let late = clinic.settle_one(&clinic.confirm(hold)).await;
        assert_eq!(late, rejected(Rejection::HoldExpired));
        let late = clinic.settle_one(&clinic.release(hold)).await;
        assert_eq!(late, rejected(Rejection::HoldExpired));
    }
    // Whoever came upon it is not named in somebody else's history.
    let strangers = "appointment_status_history h JOIN appointments a ON a.id = h.appointment_id
                     WHERE a.status = 'cancelled' AND h.actor_id <> a.patient_id";
    assert_eq!(clinic.count(strangers).await, 0);
}

#[tokio::test]
async fn a_hold_that_expired_is_not_confirmed_even_when_nobody_wants_its_time() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let hold = visit(clinic.settle_one(&clinic.hold(ada, doctor, &monday("09:00"))).await);
    clinic.clock.advance(SignedDuration::from_secs(299));
    let late = clinic.confirm(&hold);
    clinic.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(clinic.settle_one(&late).await, rejected(Rejection::HoldExpired));
    // In one batch with a booking that clears it up, too.
    let batch = [clinic.release(&hold), clinic.book(ada, doctor, &monday("09:00"))];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    assert_eq!(outcomes[0], rejected(Rejection::HoldExpired));
    assert!(is_applied(&outcomes[1]));
}

#[tokio::test]
async fn nobody_holds_more_than_they_may() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let times = ["09:00", "09:00", "09:30", "10:00", "10:30"].map(monday);
    let batch: Vec<_> = times.iter().map(|time| clinic.hold(ada, doctor, time)).collect();
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    // The second got no time, so it doesn't count.
    assert_eq!(outcomes[1], rejected(Rejection::SlotTaken));
    assert!([0, 2, 3].iter().all(|index| is_applied(&outcomes[*index])), "{outcomes:?}");
    assert_eq!(outcomes[4], rejected(Rejection::TooManyHolds));
    // A booking is no hold, and a hold that is confirmed is none any more.
    clinic.booked(ada, doctor, &monday("11:00")).await;
    let first = visit(outcomes[0].clone());
    let batch = [clinic.confirm(&first), clinic.hold(ada, doctor, &monday("10:30"))];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    assert!(outcomes.iter().all(is_applied), "{outcomes:?}");
}

#[tokio::test]
async fn two_workers_do_not_give_one_patient_more_than_they_may_hold() {
    let clinic = Clinic::open().await;
    let url = clinic.database.url_for(ServiceRole::Booking);
    let pool = Pool::connect(&url, &clinic.database.settings()).unwrap();
    let other = clinic.settler_on(pool);
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    for hour in 9..17 {
        let ada = clinic.patient().await;
        let [times, others] = [["00", "30"], ["00", "30"]]
            .map(|minutes| minutes.map(|minutes| monday(&format!("{hour:02}:{minutes}"))));
        let mine = times.map(|time| clinic.hold(ada, doctor, &time));
        let theirs = others.map(|time| {
            let time = time.replace("-08T", "-09T");
            clinic.hold(ada, colleague, &time)
        });
        let (mine, theirs) = join(
            settle(&clinic.settler, &[&mine[0], &mine[1]]),
            settle(&other, &[&theirs[0], &theirs[1]]),
        )
        .await;
        let outcomes = [mine.unwrap(), theirs.unwrap()].concat();
        assert_eq!(outcomes.iter().filter(|outcome| is_applied(outcome)).count(), 3);
        assert!(outcomes.contains(&rejected(Rejection::TooManyHolds)));
    }
}

#[tokio::test]
async fn what_is_anothers_to_hold_or_confirm_is_not_mine() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let hold = visit(clinic.settle_one(&clinic.hold(ada, doctor, &monday("09:00"))).await);
    let by = |actor, command| clinic.request(actor, command);
    for (request, reason) in [
        (
            by(
                somebody(Role::Patient),
                BookingCommand::Hold(wanted(ada, doctor, &monday("10:00"))),
            ),
            Rejection::NotAllowed,
        ),
        (
            by(somebody(Role::Patient), BookingCommand::Confirm(seen(&hold))),
            Rejection::UnknownAppointment,
        ),
        (by(somebody(Role::Doctor), BookingCommand::Release(seen(&hold))), Rejection::NotAllowed),
    ] {
        assert_eq!(clinic.settle_one(&request).await, rejected(reason));
    }
    // The front desk may.
    let confirm = by(somebody(Role::Admin), BookingCommand::Confirm(seen(&hold)));
    assert!(is_applied(&clinic.settle_one(&confirm).await));
}

#[tokio::test]
async fn how_long_and_how_often_are_settings() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let rules =
        Rules { hold: SignedDuration::from_secs(30), holds_per_patient: 1, ..Rules::default() };
    let settler = clinic.settler.clone().with_rules(rules);
    let batch = ["09:00", "09:30"].map(|time| clinic.hold(ada, doctor, &monday(time)));
    let outcomes = settle(&settler, &[&batch[0], &batch[1]]).await.unwrap();
    let hold = visit(outcomes[0].clone());
    assert_eq!(hold.expires_at, Some(instant(NOW) + SignedDuration::from_secs(30)));
    assert_eq!(outcomes[1], rejected(Rejection::TooManyHolds));
}
