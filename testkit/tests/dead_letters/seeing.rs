//! What operators see of letters, and what they don't.

use contracts::BookingCommand;
use serde_json::{Value, json};

use super::clinic::{CANARY, Clinic, Death, PANIC, id_of, why, yesterday};

fn ids(letters: &[Value]) -> Vec<&Value> {
    letters.iter().map(|letter| &letter["id"]).collect()
}

#[tokio::test]
async fn letters_are_found_by_what_they_have_in_common() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let odd = Death { class: "data_exception", fingerprint: "bbbb", at: "2026-11-02T10:00:00Z" };
    let mut all = Vec::new();
    for death in [PANIC, odd, PANIC, PANIC, odd] {
        let (command, metadata) = clinic.booking(&patient, &yesterday());
        clinic.bury(&command, &metadata, death).await;
        all.push(clinic.letter(&metadata, "open").await);
    }
    all.reverse();
    assert_eq!(ids(&clinic.letters("", 5).await), ids(&all), "the newest first");
    for (query, count) in [
        ("error_class=panic", 3),
        ("fingerprint=bbbb", 2),
        ("worker=booking", 5),
        ("worker=audit", 0),
        ("failed_before=2026-11-02T00:00:00Z", 3),
        ("failed_since=2026-11-02T00:00:00Z", 2),
        ("state=discarded", 0),
        ("error_class=panic&fingerprint=bbbb", 0),
    ] {
        clinic.letters(query, count).await;
    }

    // Page by page, each letter once.
    let (mut path, mut found) = ("/v1/dead-letters?limit=2".to_owned(), Vec::new());
    loop {
        let page = clinic.operator.get(&path).await.unwrap();
        let link = page.header("link").map(str::to_owned);
        found.extend(page.expect(200).unwrap()["items"].as_array().unwrap().clone());
        let Some(link) = link else { break };
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(ids(&found), ids(&all));

    let groups = clinic.operator.get("/v1/dead-letters/groups?state=open").await.unwrap();
    let groups = groups.expect(200).unwrap();
    let counts: Vec<_> = groups["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["fingerprint"].as_str().unwrap(), group["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(counts, [("aaaa", 3), ("bbbb", 2)]);
}

#[tokio::test]
async fn a_masked_message_shows_nobody_and_unmasking_is_written_down() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let start = yesterday();
    let (command, metadata) = clinic.booking(&patient, &start);
    clinic.bury(&command, &metadata, PANIC).await;
    let (_, unreadable) = clinic.booking(&patient, &start);
    let body = json!({ "patient_id": CANARY, CANARY: { "note": CANARY }, "start": 18_151_210 });
    let subject = command.kind().subject(unreadable.request_id);
    clinic.publish(subject, &unreadable, body.to_string().into_bytes()).await;

    let secrets = [
        id_of(&patient).to_string(),
        start.clone(),
        CANARY.to_owned(),
        "18151210".to_owned(),
        "1815".to_owned(),
    ];
    for metadata in [&metadata, &unreadable] {
        let letter = clinic.letter(metadata, "open").await;
        let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
        let shown = clinic.operator.get(&path).await.unwrap();
        for secret in &secrets {
            assert!(!shown.text.contains(secret), "{secret}: {}", shown.text);
            assert!(!letter.to_string().contains(secret), "{secret}: {letter}");
        }
        assert_eq!(shown.expect(200).unwrap()["masked"], true);
    }
    let letter = clinic.letter(&metadata, "open").await;
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
    let shown = clinic.operator.get(&path).await.unwrap().expect(200).unwrap();
    let practitioner = clinic.doctor_id().to_string();
    assert_eq!(shown["payload"]["practitioner_id"], practitioner);
    assert_eq!(shown["payload"]["patient_id"], "‹id›");
    assert_eq!(shown["payload"]["start"], "‹time›");

    let reason = "the patient is on the telephone";
    let unmasked = clinic.act(&clinic.operator, &letter, "unmask", why(reason)).await;
    let unmasked = unmasked.expect(200).unwrap();
    let BookingCommand::Book(book) = &command else { panic!("a booking") };
    assert_eq!(unmasked["payload"], serde_json::to_value(book).unwrap());
    assert_eq!(unmasked["masked"], false);
    let action = &unmasked["actions"][0];
    assert_eq!((&action["action"], &action["reason"]), (&json!("unmask"), &json!(reason)));
    assert_eq!(action["actor_id"], id_of(&clinic.operator).to_string());
    for process in ["api", "worker"] {
        let log = clinic.system.log(process);
        for secret in &secrets[1..4] {
            assert!(!log.contains(secret.as_str()), "{process} has logged {secret}");
        }
    }
}

#[tokio::test]
async fn a_letter_is_in_the_life_of_its_request() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let (command, metadata) = clinic.booking(&patient, &clinic.free_slots().await[0]);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    let id = metadata.correlation_id.to_string();
    let output = clinic.system.command(&["trace", &id]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(letter["id"].as_str().unwrap()), "{text}");
    assert!(text.contains("given up by booking") && text.contains("panic"), "{text}");
}
