//! `booking.add-note`, `booking.revise-note`, `booking.assign-care` and `booking.end-care`.

use contracts::{
    AddNote, Applied, AppointmentState, AssignCare, BookingCommand, CareRelationState, EndCare,
    NoteState, Outcome, Rejection, ReviseNote,
};
use domain::{NoteText, Role};
use jiff::SignedDuration;

use super::clinic::{Clinic, doctor_of, is_applied, monday, patient_of, rejected, somebody};

fn text(text: &str) -> NoteText {
    text.to_owned().try_into().unwrap()
}

fn add(visit: &AppointmentState, says: &str) -> BookingCommand {
    BookingCommand::AddNote(AddNote { appointment_id: visit.id, text: text(says) })
}

fn revise(note: &NoteState, says: &str) -> BookingCommand {
    let (note_id, version) = (note.id, note.version);
    BookingCommand::ReviseNote(ReviseNote { note_id, version, text: text(says) })
}

fn note(outcome: Outcome) -> NoteState {
    match outcome {
        Outcome::Applied { result: Applied::Note(note) } => note,
        other => panic!("expected a note, got {other:?}"),
    }
}

fn relation(outcome: Outcome) -> CareRelationState {
    match outcome {
        Outcome::Applied { result: Applied::CareRelation(relation) } => relation,
        other => panic!("expected a care relation, got {other:?}"),
    }
}

#[tokio::test]
async fn a_note_has_versions_and_none_is_lost() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let visit = clinic.booked(ada, doctor, &monday("09:00")).await;
    let author = doctor_of(doctor);
    let first = note(clinic.settle_one(&clinic.request(author, add(&visit, "left knee"))).await);
    assert_eq!((first.version, first.patient_id), (1, ada));
    let second = clinic.request(author, revise(&first, "right knee"));
    let second = note(clinic.settle_one(&second).await);
    assert_eq!((second.id, second.version), (first.id, 2));
    let stale = clinic.settle_one(&clinic.request(author, revise(&first, "both"))).await;
    assert_eq!(stale, rejected(Rejection::VersionMismatch));

    let texts = "SELECT string_agg(text, ', ' ORDER BY version) FROM clinical_notes";
    let texts: String = clinic.admin.query_one(texts, &[]).await.unwrap().get(0);
    assert_eq!(texts, "left knee, right knee");
    for change in ["UPDATE clinical_notes SET text = 'x'", "DELETE FROM clinical_notes"] {
        assert!(clinic.admin.execute(change, &[]).await.is_err(), "{change}");
    }
    // What it says is nowhere else.
    for table in
        ["outbox WHERE body::text LIKE '%knee%'", "requests WHERE result::text LIKE '%knee%'"]
    {
        assert_eq!(clinic.count(table).await, 0, "{table}");
    }
    assert_eq!(clinic.count("outbox WHERE kind = 'note.written'").await, 2);
}

#[tokio::test]
async fn only_who_treats_writes_and_only_the_author_revises() {
    let clinic = Clinic::open().await;
    let (doctor, colleague) = (clinic.doctor().await, clinic.doctor().await);
    let ada = clinic.patient().await;
    let visit = clinic.booked(ada, doctor, &monday("09:00")).await;
    clinic.booked(ada, colleague, &monday("10:00")).await;
    let written =
        note(clinic.settle_one(&clinic.request(doctor_of(doctor), add(&visit, "a"))).await);
    for (actor, command, reason) in [
        (doctor_of(colleague), add(&visit, "b"), Rejection::UnknownAppointment),
        (patient_of(ada), add(&visit, "b"), Rejection::NotAllowed),
        (somebody(Role::Admin), add(&visit, "b"), Rejection::NotAllowed),
        (doctor_of(colleague), revise(&written, "b"), Rejection::UnknownNote),
        (somebody(Role::Admin), revise(&written, "b"), Rejection::NotAllowed),
    ] {
        let outcome = clinic.settle_one(&clinic.request(actor, command)).await;
        assert_eq!(outcome, rejected(reason), "{actor}");
    }
    assert_eq!(clinic.count("clinical_notes").await, 1);
}

#[tokio::test]
async fn two_versions_in_one_batch_follow_each_other() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    let visit = clinic.booked(ada, doctor, &monday("09:00")).await;
    let author = doctor_of(doctor);
    let first = note(clinic.settle_one(&clinic.request(author, add(&visit, "1"))).await);
    let next = NoteState { version: 2, ..first.clone() };
    let batch = [
        clinic.request(author, revise(&first, "2")),
        clinic.request(author, revise(&first, "2 as well")),
        clinic.request(author, revise(&next, "3")),
    ];
    let outcomes = clinic.settle(&batch.iter().collect::<Vec<_>>()).await;
    assert_eq!(note(outcomes[0].clone()).version, 2);
    assert_eq!(outcomes[1], rejected(Rejection::VersionMismatch));
    assert_eq!(note(outcomes[2].clone()).version, 3);
}

#[tokio::test]
async fn a_doctor_is_assigned_once_at_a_time() {
    let clinic = Clinic::open().await;
    let (doctor, ada) = (clinic.doctor().await, clinic.patient().await);
    // Who assigns is remembered.
    let admin = doctor_of(clinic.doctor().await);
    let admin = domain::Actor { role: Role::Admin, ..admin };
    let assign = |until| {
        let care = AssignCare { patient_id: ada, practitioner_id: doctor, until };
        clinic.request(admin, BookingCommand::AssignCare(care))
    };
    let by_doctor = BookingCommand::AssignCare(AssignCare {
        patient_id: ada,
        practitioner_id: doctor,
        until: None,
    });
    let refused = clinic.settle_one(&clinic.request(doctor_of(doctor), by_doctor)).await;
    assert_eq!(refused, rejected(Rejection::NotAllowed));
    let care = relation(clinic.settle_one(&assign(None)).await);
    assert_eq!(clinic.settle_one(&assign(None)).await, rejected(Rejection::AlreadyAssigned));

    let end = || {
        let command = BookingCommand::EndCare(EndCare { care_relation_id: care.id });
        clinic.request(admin, command)
    };
    // Ended and assigned again, in one batch and at one time.
    let later = care.since + SignedDuration::from_hours(24);
    let batch = [end(), assign(Some(later))];
    let outcomes = clinic.settle(&[&batch[0], &batch[1]]).await;
    assert!(relation(outcomes[0].clone()).until > Some(care.since));
    assert_eq!(outcomes[1], rejected(Rejection::AlreadyAssigned), "for a moment it still was");
    clinic.clock.advance(SignedDuration::from_secs(1));
    let again = relation(clinic.settle_one(&assign(Some(later))).await);
    assert_eq!(again.until, Some(later));
    assert_eq!(clinic.settle_one(&end()).await, rejected(Rejection::UnknownCareRelation));
    // It ends by itself.
    clinic.clock.advance(SignedDuration::from_hours(24));
    assert!(is_applied(&clinic.settle_one(&assign(None)).await));
}
