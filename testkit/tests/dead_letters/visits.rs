//! Replays of what was asked of visits: nobody is booked twice by one, and nobody reads a note.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use contracts::{AddNote, BookingCommand, RescheduleAppointment, SeenAppointment};
use domain::{Actor, AppointmentId, NoteText, RequestedStart, Role};
use serde_json::{Value, json};
use testkit::Api;

use super::clinic::{Clinic, PANIC, envelope, id_of, why};

fn id_in(visit: &Value) -> AppointmentId {
    visit["id"].as_str().unwrap().parse().unwrap()
}

fn patient(person: &Api) -> Actor {
    Actor { id: id_of(person), role: Role::Patient }
}

async fn hold(clinic: &Clinic, person: &Api, start: &str) -> Value {
    let body = json!({ "practitioner_id": clinic.doctor.id, "start": start });
    person.post_and_wait("/v1/holds", body).await.unwrap().expect(201).unwrap()
}

#[tokio::test]
async fn a_confirmation_that_comes_after_the_hold_is_refused() {
    let clinic = Clinic::open_with(&[("MC_BOOKING__HOLD_S", "1")]).await;
    let api = clinic.system.api();
    let (ada, bob) = (api.new_patient().await.unwrap(), api.new_patient().await.unwrap());
    let slots = clinic.free_slots().await;
    let held = hold(&clinic, &ada, &slots[0]).await;
    let seen = SeenAppointment { appointment_id: id_in(&held), version: 1 };
    let command = BookingCommand::Confirm(seen);
    let metadata = envelope(patient(&ada), &command);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;

    // Somebody else has the time by then.
    let is_free = || async { Ok(clinic.free_slots().await.contains(&slots[0])) };
    clinic.system.wait_until("the hold has expired", is_free).await.unwrap();
    let booked = bob.book(clinic.doctor.id.as_deref().unwrap(), &slots[0]).await.unwrap();
    booked.expect(201).unwrap();
    let refused = clinic.act(&clinic.operator, &letter, "replay", why("it was dropped")).await;
    assert_eq!(refused.problem(409).unwrap(), "replay_rejected");
    assert!(refused.text.contains("hold_expired"), "{}", refused.text);
}

#[tokio::test]
async fn a_move_is_replayed_while_its_time_is_free_and_refused_after_that() {
    let clinic = Clinic::open().await;
    let api = clinic.system.api();
    let (ada, bob) = (api.new_patient().await.unwrap(), api.new_patient().await.unwrap());
    let slots = clinic.free_slots().await;
    let doctor = clinic.doctor.id.as_deref().unwrap();
    let mut letters = Vec::new();
    for (person, slot) in [(&ada, &slots[0]), (&bob, &slots[1])] {
        let booked = person.book(doctor, slot).await.unwrap().expect(201).unwrap();
        let command = BookingCommand::Reschedule(RescheduleAppointment {
            appointment_id: id_in(&booked),
            version: 1,
            start: RequestedStart::try_from(slots[2].clone()).unwrap(),
            practitioner_id: None,
            override_reason: None,
        });
        let metadata = envelope(patient(person), &command);
        clinic.bury(&command, &metadata, PANIC).await;
        letters.push((clinic.letter(&metadata, "open").await, metadata));
    }
    let [(first, of_first), (second, _)] = &letters[..] else { panic!("two letters") };
    clinic.act(&clinic.operator, first, "replay", why("dropped")).await.expect(200).unwrap();
    clinic.letter(of_first, "resolved").await;
    let refused = clinic.act(&clinic.operator, second, "replay", why("dropped")).await;
    assert_eq!(refused.problem(409).unwrap(), "replay_rejected");
    assert!(refused.text.contains("slot_taken"), "{}", refused.text);
    let there = format!("SELECT count(*) FROM appointments WHERE lower(during) = '{}'", slots[2]);
    assert_eq!(clinic.count(&there).await, 1);
    assert_eq!(clinic.system.visits().await.unwrap(), 2);
}

#[tokio::test]
async fn a_note_is_masked_and_written_once() {
    const SECRET: &str = "the left knee, since the fall";
    let clinic = Clinic::open().await;
    let ada = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let doctor = clinic.doctor.id.as_deref().unwrap();
    let booked = ada.book(doctor, &slots[0]).await.unwrap().expect(201).unwrap();
    let text = NoteText::try_from(SECRET.to_owned()).unwrap();
    let command = BookingCommand::AddNote(AddNote { appointment_id: id_in(&booked), text });
    let metadata = envelope(Actor { id: id_of(&clinic.doctor), role: Role::Doctor }, &command);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
    let shown = clinic.operator.get(&path).await.unwrap();
    assert!(!shown.text.contains("knee"), "{}", shown.text);
    assert!(shown.text.contains("‹text, 29 characters›"), "{}", shown.text);
    let rehearsed = clinic.act(&clinic.operator, &letter, "rehearse", json!({})).await;
    assert!(!rehearsed.text.contains("knee"), "{}", rehearsed.text);
    rehearsed.expect(200).unwrap();

    clinic.act(&clinic.operator, &letter, "replay", why("dropped")).await.expect(200).unwrap();
    clinic.letter(&metadata, "resolved").await;
    let notes = format!("/v1/appointments/{}/notes", booked["id"].as_str().unwrap());
    let notes = clinic.doctor.get(&notes).await.unwrap().expect(200).unwrap();
    assert_eq!(notes["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(notes["items"][0]["text"], SECRET);
    for log in ["api", "worker"] {
        assert!(!clinic.system.log(log).contains("knee"), "the log of {log} quotes a note");
    }
}
