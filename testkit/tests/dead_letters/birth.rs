//! How a message becomes a letter, and what that means for its neighbours.

use contracts::subjects;
use serde_json::json;

use super::clinic::{Clinic, id_of};

#[tokio::test]
async fn poison_is_a_letter_at_once_and_its_neighbours_are_booked() {
    let mut clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (command, poison) = clinic.booking(&patient, &slots[0]);
    clinic.system.stop_worker().await.unwrap();
    let before = clinic.booking(&patient, &slots[1]);
    let after = clinic.booking(&patient, &slots[2]);
    let subject = |id| command.kind().subject(id);
    for (command, metadata) in [&before, &after] {
        if metadata.request_id == after.1.request_id {
            clinic.publish(subject(poison.request_id), &poison, b"{\"start\"".to_vec()).await;
        }
        clinic.publish(subject(metadata.request_id), metadata, command.to_body()).await;
    }
    clinic.publish("mc.cmd.booking.steal.everything".to_owned(), &poison, vec![0xff]).await;
    clinic.system.start_worker().await.unwrap();

    let letters = clinic.letters("state=open", 2).await;
    assert_eq!(
        (&letters[0]["error_class"], &letters[0]["request_id"]),
        (&json!("envelope"), &json!(null))
    );
    assert_eq!(letters[1]["error_class"], "undecodable");
    assert_eq!(letters[1]["request_id"], poison.request_id.to_string());
    let both = || async { Ok(clinic.system.visits().await? == 2) };
    clinic.system.wait_until("the neighbours are booked", both).await.unwrap();
    let (ledger, code) = clinic.system.ledger().await.unwrap();
    assert_eq!(code, 0, "{ledger:#}");
    assert_eq!(ledger["dead_by_state"], json!({ "open": 1, "replaying": 0, "discarded": 0 }));
    assert_eq!(ledger["unreadable"]["dead"], 1);
}

#[tokio::test]
async fn one_bad_row_among_five_hundred_hurts_nobody_else_and_is_replayed_once() {
    let mut clinic = Clinic::open_with(&[("MC_BOOKING__BATCH_SIZE", "500")]).await;
    let api = clinic.system.api();
    let (bad, other_doctor) = (api.new_patient().await.unwrap(), api.new_doctor().await.unwrap());
    let (good, also_good) = (api.new_patient().await.unwrap(), api.new_patient().await.unwrap());
    let slots = clinic.free_slots().await;
    assert!(slots.len() > 250, "{}", slots.len());
    let planted = format!(
        "ALTER TABLE appointments ADD CONSTRAINT planted CHECK (patient_id <> '{}')",
        id_of(&bad)
    );
    clinic.sql(&planted).await;
    clinic.system.stop_worker().await.unwrap();
    // One doctor for one patient and another for the other, who needn't be in two places at once.
    let mut envelopes = Vec::new();
    for index in 0..499 {
        let slot = &slots[index / 2];
        let (mut command, metadata) = if index % 2 == 0 {
            clinic.booking(&good, slot)
        } else {
            clinic.booking(&also_good, slot)
        };
        if let contracts::BookingCommand::Book(book) = &mut command
            && index % 2 == 1
        {
            book.practitioner_id = id_of(&other_doctor).into();
        }
        envelopes.push((command, metadata));
    }
    let victim = clinic.booking(&bad, &slots[250]);
    envelopes.insert(320, victim.clone());
    for (command, metadata) in &envelopes {
        let subject = command.kind().subject(metadata.request_id);
        clinic.publish(subject, metadata, command.to_body()).await;
    }
    clinic.system.start_worker().await.unwrap();

    let letter = clinic.letter(&victim.1, "open").await;
    assert_eq!(letter["error_class"], "constraint_violation");
    assert_eq!(letter["attempts"], 5);
    assert!(letter["error_detail"].as_str().unwrap().contains("planted"), "{letter}");
    assert_eq!(clinic.system.visits().await.unwrap(), 499);
    assert_eq!(clinic.messages(subjects::DEAD).await, 1);

    // The rehearsal meets the same constraint, and a replay is refused.
    let rehearsal = clinic.act(&clinic.operator, &letter, "rehearse", json!({})).await;
    let rehearsal = rehearsal.expect(200).unwrap();
    assert_eq!(
        (&rehearsal["verdict"], &rehearsal["error_class"]),
        (&json!("would_fail"), &json!("constraint_violation"))
    );
    assert!(rehearsal["detail"].as_str().unwrap().contains("constraint planted"), "{rehearsal}");
    let why = json!({ "reason": "trying" });
    let refused = clinic.act(&clinic.operator, &letter, "replay", why).await;
    assert_eq!(refused.problem(409).unwrap(), "replay_would_fail");

    // Without the constraint it would be booked; so far it is not.
    clinic.sql("ALTER TABLE appointments DROP CONSTRAINT planted").await;
    let rehearsal = clinic.act(&clinic.operator, &letter, "rehearse", json!({})).await;
    let rehearsal = rehearsal.expect(200).unwrap();
    assert_eq!(
        (&rehearsal["verdict"], &rehearsal["outcome"]),
        (&json!("would_settle"), &json!("applied"))
    );
    let tables: Vec<_> = rehearsal["writes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["table"].as_str().unwrap())
        .collect();
    assert_eq!(tables, ["appointment_status_history", "appointments", "outbox", "requests"]);
    assert!(!rehearsal.to_string().contains(&id_of(&bad).to_string()), "{rehearsal}");
    assert_eq!(clinic.system.visits().await.unwrap(), 499, "the rehearsal stayed");

    let why = json!({ "reason": "the constraint is dropped" });
    clinic.act(&clinic.operator, &letter, "replay", why).await.expect(200).unwrap();
    let letter = clinic.letter(&victim.1, "resolved").await;
    assert_eq!((&letter["outcome"], &letter["generation"]), (&json!("applied"), &json!(1)));
    assert_eq!(clinic.system.visits().await.unwrap(), 500);
    let (ledger, code) = clinic.system.ledger().await.unwrap();
    assert_eq!(
        (code, &ledger["dead"], &ledger["repeats"]),
        (0, &json!(0), &json!(1)),
        "{ledger:#}"
    );
}
