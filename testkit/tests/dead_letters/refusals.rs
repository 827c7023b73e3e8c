//! A replay that makes no sense any more is refused, and says why.

use contracts::commands::{Day, WeeklyHours};
use contracts::{BookingCommand, SetAvailability, subjects};
use domain::{Actor, Role};
use serde_json::json;

use super::clinic::{Clinic, PANIC, envelope, id_of, why, yesterday};

#[tokio::test]
async fn what_makes_no_sense_any_more_is_refused() {
    let clinic = Clinic::open().await;
    let api = clinic.system.api();
    let (ada, bob) = (api.new_patient().await.unwrap(), api.new_patient().await.unwrap());
    let slots = clinic.free_slots().await;
    let doctor = clinic.doctor_id().to_string();
    bob.book(&doctor, &slots[0]).await.unwrap().expect(201).unwrap();

    let past = clinic.booking(&ada, &yesterday());
    let taken = clinic.booking(&ada, &slots[0]);
    for (command, metadata) in [&past, &taken] {
        clinic.bury(command, metadata, PANIC).await;
    }
    for (metadata, word) in [(&past.1, "start_in_past"), (&taken.1, "slot_taken")] {
        let letter = clinic.letter(metadata, "open").await;
        let refused = clinic.act(&clinic.operator, &letter, "replay", why("try it")).await;
        assert_eq!(refused.problem(409).unwrap(), "replay_rejected", "{}", refused.text);
        assert!(refused.body["detail"].as_str().unwrap().contains(word), "{}", refused.text);
        assert_eq!(clinic.letter(metadata, "open").await["id"], letter["id"]);
    }

    // Discarded once; neither again, nor replayed.
    let letter = clinic.letter(&past.1, "open").await;
    let discarded = clinic.act(&clinic.operator, &letter, "discard", why("it is over")).await;
    assert_eq!(discarded.expect(200).unwrap()["state"], "discarded");
    for deed in ["discard", "replay"] {
        let refused = clinic.act(&clinic.operator, &letter, deed, why("once more")).await;
        assert_eq!(refused.problem(409).unwrap(), "letter_not_open");
    }
    assert_eq!(clinic.messages(subjects::DEAD).await, 2);
}

#[tokio::test]
async fn later_hours_are_not_undone() {
    let clinic = Clinic::open().await;
    let [start, end] = ["09:00", "10:00"].map(|time| time.parse().unwrap());
    let command = BookingCommand::SetAvailability(SetAvailability {
        practitioner_id: clinic.doctor_id(),
        time_zone: "Etc/UTC".to_owned(),
        slot_minutes: 30,
        hours: vec![WeeklyHours {
            day: Day::Mon,
            start,
            end,
            location_id: None,
            service_ids: vec![],
        }],
    });
    let actor = Actor { id: id_of(&clinic.doctor), role: Role::Doctor };
    let mut earlier = envelope(actor, &command);
    earlier.accepted_at = yesterday().parse().unwrap();
    let later = envelope(actor, &command);
    clinic.bury(&command, &earlier, PANIC).await;
    clinic.bury(&command, &later, PANIC).await;
    // The doctor has set other hours since yesterday, and none since just now.
    let letter = clinic.letter(&earlier, "open").await;
    let refused = clinic.act(&clinic.operator, &letter, "replay", why("try it")).await;
    assert_eq!(refused.problem(409).unwrap(), "replay_superseded");
    let letter = clinic.letter(&later, "open").await;
    let dry = json!({ "reason": "only looking", "dry_run": true });
    clinic.act(&clinic.operator, &letter, "replay", dry).await.expect(200).unwrap();
    assert_eq!(clinic.letter(&later, "open").await["id"], letter["id"], "it only looked");
}

#[tokio::test]
async fn a_letter_closes_when_its_request_ends_another_way() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (command, metadata) = clinic.booking(&patient, &slots[0]);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    let subject = command.kind().subject(metadata.request_id);
    clinic.publish(subject, &metadata, command.to_body()).await;
    clinic.letter(&metadata, "resolved").await;
    let refused = clinic.act(&clinic.operator, &letter, "replay", why("late")).await;
    let problem = refused.problem(409).unwrap();
    assert_eq!(problem, "letter_not_open");
    assert!(refused.body["detail"].as_str().unwrap().contains("resolved"), "{}", refused.text);
}

#[tokio::test]
async fn what_nobody_could_follow_up_is_not_replayed() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let (_, metadata) = clinic.booking(&patient, &yesterday());
    clinic.publish("mc.cmd.booking.steal.it".to_owned(), &metadata, b"{}".to_vec()).await;
    let letter = clinic.letters("state=open", 1).await.remove(0);
    let refused = clinic.act(&clinic.operator, &letter, "replay", why("try it")).await;
    assert_eq!(refused.problem(409).unwrap(), "letter_not_replayable");

    // And without a worker nobody knows what a replay would do.
    let mut clinic = clinic;
    clinic.system.stop_worker().await.unwrap();
    let refused = clinic.act(&clinic.operator, &letter, "rehearse", json!({})).await;
    assert_eq!(refused.problem(503).unwrap(), "unavailable");
}

#[tokio::test]
async fn without_a_reason_nothing_happens() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let (command, metadata) = clinic.booking(&patient, &yesterday());
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    for deed in ["unmask", "replay", "discard"] {
        for body in [json!({}), why(" "), why("a\r\nNats-Msg-Id: x")] {
            let refused = clinic.act(&clinic.operator, &letter, deed, body).await;
            assert_eq!(refused.problem(422).unwrap(), "invalid_body", "{deed}");
        }
    }
    assert_eq!(clinic.count("SELECT count(*) FROM dead_letter_actions").await, 0);
}
