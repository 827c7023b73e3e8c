//! `booking.set-status` and `booking.undo-status`.

use contracts::Rejection;
use domain::{AppointmentStatus, Role};
use jiff::SignedDuration;

use super::clinic::{Clinic, doctor_of, is_applied, monday, patient_of, rejected, somebody, visit};
use super::life::{set_status, undo};

use AppointmentStatus::{Arrived, Booked, CheckedIn, Fulfilled, NoShow};

#[tokio::test]
async fn a_visit_takes_its_course_and_back() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let mut now = clinic.booked(ada, doctor, &monday("09:00")).await;
    let staff = doctor_of(doctor);
    for (who, status) in [(staff, Arrived), (patient_of(ada), CheckedIn)] {
        now = visit(clinic.settle_one(&clinic.request(who, set_status(&now, status))).await);
        assert_eq!(now.status, status);
    }
    let early = clinic.settle_one(&clinic.request(staff, set_status(&now, Fulfilled))).await;
    assert_eq!(early, rejected(Rejection::NotBegun));
    clinic.clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    now = visit(clinic.settle_one(&clinic.request(staff, set_status(&now, Fulfilled))).await);
    for status in [CheckedIn, Arrived, Booked] {
        now = visit(clinic.settle_one(&clinic.request(staff, undo(&now))).await);
        assert_eq!(now.status, status);
    }
    let nothing = clinic.settle_one(&clinic.request(staff, undo(&now))).await;
    assert_eq!(nothing, rejected(Rejection::NothingToUndo));
    now = visit(clinic.settle_one(&clinic.request(staff, set_status(&now, NoShow))).await);

    let history = clinic.history(&now).await;
    let statuses: Vec<_> =
        history.iter().map(|(_, status, _, is_undo)| (&**status, *is_undo)).collect();
    let expected = [
        ("booked", false),
        ("arrived", false),
        ("checked-in", false),
        ("fulfilled", false),
        ("checked-in", true),
        ("arrived", true),
        ("booked", true),
        ("noshow", false),
    ];
    assert_eq!(statuses, expected);
    assert_eq!(clinic.count("outbox WHERE kind = 'appointment.status-changed'").await, 7);
}

#[tokio::test]
async fn what_is_taken_back_must_win_its_time_again() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let admin = somebody(Role::Admin);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let cancelled = visit(clinic.settle_one(&clinic.cancel(ada, &booked)).await);
    let others = clinic.booked(bob, doctor, &monday("09:00")).await;
    let taken = clinic.settle_one(&clinic.request(admin, undo(&cancelled))).await;
    assert_eq!(taken, rejected(Rejection::SlotTaken));
    clinic.settle_one(&clinic.cancel(bob, &others)).await;

    let elsewhere = clinic.booked(ada, colleague, &monday("09:00")).await;
    let busy = clinic.settle_one(&clinic.request(admin, undo(&cancelled))).await;
    assert_eq!(busy, rejected(Rejection::PatientBusy));
    clinic.settle_one(&clinic.cancel(ada, &elsewhere)).await;

    let again = visit(clinic.settle_one(&clinic.request(admin, undo(&cancelled))).await);
    assert_eq!((again.status, again.cancelation_reason), (Booked, None));
    let rival = clinic.settle_one(&clinic.book(bob, doctor, &monday("09:00"))).await;
    assert_eq!(rival, rejected(Rejection::SlotTaken));
}

#[tokio::test]
async fn a_visit_that_its_patient_missed_gave_its_time_back() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let staff = doctor_of(doctor);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    clinic.clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    let missed =
        visit(clinic.settle_one(&clinic.request(staff, set_status(&booked, NoShow))).await);
    let back = visit(clinic.settle_one(&clinic.request(staff, undo(&missed))).await);
    assert_eq!((back.status, back.version), (Booked, 3));
}

#[tokio::test]
async fn an_expired_hold_is_not_in_the_way_of_taking_back() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let cancelled = visit(clinic.settle_one(&clinic.cancel(ada, &booked)).await);
    visit(clinic.settle_one(&clinic.hold(bob, doctor, &monday("09:00"))).await);
    let admin = somebody(Role::Admin);
    let held = clinic.settle_one(&clinic.request(admin, undo(&cancelled))).await;
    assert_eq!(held, rejected(Rejection::SlotTaken));
    clinic.clock.advance(SignedDuration::from_mins(5));
    assert!(is_applied(&clinic.settle_one(&clinic.request(admin, undo(&cancelled))).await));
}

#[tokio::test]
async fn strangers_and_patients_take_nothing_back() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let other = clinic.doctor().await;
    let booked = clinic.booked(ada, doctor, &monday("09:00")).await;
    let arrive = clinic.request(doctor_of(other), set_status(&booked, Arrived));
    assert_eq!(clinic.settle_one(&arrive).await, rejected(Rejection::UnknownAppointment));
    let arrive = clinic.request(patient_of(ada), set_status(&booked, Arrived));
    assert_eq!(clinic.settle_one(&arrive).await, rejected(Rejection::NotAllowed));
    let here = visit(
        clinic.settle_one(&clinic.request(doctor_of(doctor), set_status(&booked, Arrived))).await,
    );
    let back = clinic.settle_one(&clinic.request(patient_of(ada), undo(&here))).await;
    assert_eq!(back, rejected(Rejection::NotAllowed));
    let stale = clinic.settle_one(&clinic.request(doctor_of(doctor), undo(&booked))).await;
    assert_eq!(stale, rejected(Rejection::VersionMismatch));
}
