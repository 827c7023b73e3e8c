//! What operators do with letters is in the audit log, with their reason, before it is done.

use serde_json::{Value, json};

use super::clinic::{Clinic, PANIC, id_of, why, yesterday};

fn says(row: &Value) -> [&str; 6] {
    ["kind", "action", "operation", "stated_reason", "resource_kind", "resource_id"]
        .map(|name| row[name].as_str().unwrap_or_default())
}

#[tokio::test]
async fn what_is_done_with_a_letter_is_recorded_with_its_reason() {
    let mut clinic = Clinic::open().await;
    clinic.system.start_audit().unwrap();
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let mut letters = Vec::new();
    for start in [&yesterday(), &slots[0], &slots[1], &slots[2]] {
        let (command, metadata) = clinic.booking(&patient, start);
        clinic.bury(&command, &metadata, PANIC).await;
        letters.push(clinic.letter(&metadata, "open").await);
    }
    let id = |letter: usize| letters[letter]["id"].as_str().unwrap();
    let operator = &clinic.operator;

    let unmasked = clinic.act(operator, &letters[0], "unmask", why("on the telephone")).await;
    unmasked.clone().expect(200).unwrap();
    let row = clinic.recorded(&unmasked, 1).await.remove(0);
    let operation = "POST /v1/dead-letters/{id}/unmask";
    let expected = ["unmasking", "R", operation, "on the telephone", "MessageHeader", id(0)];
    assert_eq!(says(&row), expected);
    assert_eq!(row["patient_id"], id_of(&patient).to_string(), "whose data was shown");
    assert_eq!(row["user_id"], id_of(operator).to_string());
    assert_eq!((&row["role"], &row["purpose"]), (&json!("operator"), &json!("HSYSADMIN")));

    let discarded = clinic.act(operator, &letters[0], "discard", why("too late")).await;
    discarded.clone().expect(200).unwrap();
    let row = clinic.recorded(&discarded, 1).await.remove(0);
    let operation = "POST /v1/dead-letters/{id}/discard";
    let expected = ["maintenance", "U", operation, "too late", "MessageHeader", id(0)];
    assert_eq!((says(&row), &row["outcome"]), (expected, &json!(0)));
    assert!(row.get("patient_id").is_none(), "nobody's data was shown");

    let replayed = clinic.act(operator, &letters[1], "replay", why("fixed")).await;
    replayed.clone().expect(200).unwrap();
    let row = clinic.recorded(&replayed, 1).await.remove(0);
    let operation = "POST /v1/dead-letters/{id}/replay";
    let expected = ["maintenance", "E", operation, "fixed", "MessageHeader", id(1)];
    assert_eq!((says(&row), &row["outcome"]), (expected, &json!(0)));

    // Several at once: a row for each that is tried again, and none for the discarded one.
    let body = json!({ "ids": [id(0), id(2), id(3)], "reason": "fixed too", "rate_per_s": 100 });
    let many = operator.post("/v1/dead-letters/replay", body).await.unwrap();
    many.clone().expect(200).unwrap();
    let rows = clinic.recorded(&many, 2).await;
    let operation = "POST /v1/dead-letters/replay";
    for (row, letter) in rows.iter().zip([2, 3]) {
        let expected = ["maintenance", "E", operation, "fixed too", "MessageHeader", id(letter)];
        assert_eq!(says(row), expected);
    }

    // Whoever may not is recorded too; looking at what is masked isn't.
    let refused = clinic.act(&patient, &letters[0], "unmask", why("curious")).await;
    assert_eq!(refused.status, 403);
    let row = clinic.recorded(&refused, 1).await.remove(0);
    assert_eq!((&row["kind"], &row["user_id"]), (&json!("denial"), &json!(id_of(&patient))));
    clinic.system.stop_audit().await.unwrap();
    let masked = "SELECT count(*) FROM audit_log WHERE operation LIKE 'GET /v1/dead-letters%'";
    assert_eq!(clinic.count(masked).await, 0);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let mut clinic = Clinic::open_with(&[("MC_NATS__PUBLISH_DEADLINE_MS", "300")]).await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let (command, metadata) = clinic.booking(&patient, &yesterday());
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;

    clinic.system.nats.kill().await.unwrap();
    for deed in ["discard", "unmask"] {
        let answer = clinic.act(&clinic.operator, &letter, deed, why("no matter")).await;
        assert_eq!(answer.problem(503).unwrap(), "unavailable", "{deed}");
        assert!(!answer.text.contains(&id_of(&patient).to_string()), "{deed}: {}", answer.text);
    }
    let email = "late@clinic.example";
    let form = json!({ "email": email, "password": "grumpy walnut tram forty", "role": "admin" });
    let answer = clinic.admin.post("/v1/admin/users", form.clone()).await.unwrap();
    assert_eq!(answer.problem(503).unwrap(), "unavailable");
    let done = "SELECT (SELECT count(*) FROM dead_letters WHERE state <> 'open')
        + (SELECT count(*) FROM dead_letter_actions WHERE action <> 'unmask')
        + (SELECT count(*) FROM users WHERE email = 'late@clinic.example')";
    assert_eq!(clinic.count(done).await, 0);

    clinic.system.nats.restart().await.unwrap();
    let is_back = || async {
        let answer = clinic.act(&clinic.operator, &letter, "discard", why("too late")).await;
        Ok(answer.status == 200)
    };
    clinic.system.wait_until("it is discarded", is_back).await.unwrap();
    clinic.admin.post("/v1/admin/users", form).await.unwrap().expect(201).unwrap();
    assert_eq!(clinic.count(done).await, 3);
}
