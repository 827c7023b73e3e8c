//! A letter is replayed once, whoever does it and however often.

use contracts::metadata::header;
use contracts::subjects;
use futures::future::join;
use serde_json::json;

use super::clinic::{Clinic, PANIC, id_of, why};

#[tokio::test]
async fn of_two_operators_one_replays_and_the_other_is_told() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let commands = clinic.messages(subjects::COMMANDS).await;
    for slot in &slots[..8] {
        let (command, metadata) = clinic.booking(&patient, slot);
        clinic.bury(&command, &metadata, PANIC).await;
        let letter = clinic.letter(&metadata, "open").await;
        let (one, other) = join(
            clinic.act(&clinic.operator, &letter, "replay", why("the operator")),
            clinic.act(&clinic.admin, &letter, "replay", why("the administrator")),
        )
        .await;
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text, other.text);
        clinic.letter(&metadata, "resolved").await;
    }
    assert_eq!(clinic.messages(subjects::COMMANDS).await, commands + 8);
    assert_eq!(clinic.system.visits().await.unwrap(), 8);
    let actions = "SELECT count(*) FROM dead_letter_actions WHERE action = 'replay'";
    assert_eq!(clinic.count(actions).await, 8);
}

#[tokio::test]
async fn one_decision_asked_twice_is_one_replay() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (command, metadata) = clinic.booking(&patient, &slots[0]);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    let commands = clinic.messages(subjects::COMMANDS).await;
    let body = json!({ "reason": "once", "operation_id": uuid::Uuid::now_v7() });
    for _ in 0..3 {
        clinic.act(&clinic.operator, &letter, "replay", body.clone()).await.expect(200).unwrap();
    }
    assert_eq!(clinic.messages(subjects::COMMANDS).await, commands + 1);

    // It is the same request, and says whose second try it is.
    let stored = clinic.system.nats.bus().await.unwrap();
    let found = stored.find_request(metadata.request_id).await.unwrap().unwrap();
    assert_eq!(found.metadata, metadata);
    let context = async_nats::jetstream::new(clinic.system.nats.client().await.unwrap());
    let stream = context.get_stream(subjects::COMMANDS).await.unwrap();
    let message = stream.get_raw_message(found.stream_sequence).await.unwrap();
    let value = |name| message.headers.get(name).map(async_nats::HeaderValue::as_str);
    assert_eq!(value(header::REPLAY_OF), letter["id"].as_str());
    let operator = format!("{}/operator", id_of(&clinic.operator));
    assert_eq!(value(header::REPLAYED_BY), Some(operator.as_str()));
    let headers = format!("{:?}", message.headers);
    assert!(!headers.contains("once"), "what somebody typed travels: {headers}");
    assert_eq!(value(header::REPLAY_GENERATION), Some("2"));
    assert_eq!(value(header::DEAD_ERROR_CLASS), None);
}

#[tokio::test]
async fn a_replay_that_was_begun_and_never_published_can_be_taken_up() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (command, metadata) = clinic.booking(&patient, &slots[0]);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    // As an api leaves it that ends between the two.
    let begun = "UPDATE dead_letters SET state = 'replaying', changed_at = now(),
                     replay_operation = gen_random_uuid()";
    clinic.sql(begun).await;
    let refused = clinic.act(&clinic.operator, &letter, "replay", why("too soon")).await;
    assert_eq!(refused.problem(409).unwrap(), "letter_not_open");
    clinic.sql("UPDATE dead_letters SET changed_at = now() - interval '31 s'").await;
    clinic.act(&clinic.operator, &letter, "replay", why("left behind")).await.expect(200).unwrap();
    clinic.letter(&metadata, "resolved").await;
}

#[tokio::test]
async fn a_replay_that_dies_again_is_the_same_letter() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (command, metadata) = clinic.booking(&patient, &slots[0]);
    clinic.bury(&command, &metadata, PANIC).await;
    let letter = clinic.letter(&metadata, "open").await;
    // Refuses what comes from the stream; a rehearsal has no position there.
    let trigger = "
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.stream_sequence > 0 THEN
                RAISE EXCEPTION 'not today' USING ERRCODE = '22023';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION refuse();";
    clinic.sql(trigger).await;
    clinic.act(&clinic.operator, &letter, "replay", why("first try")).await.expect(200).unwrap();
    let again = clinic.letters("state=open&error_class=data_exception", 1).await.remove(0);
    assert_eq!(again["id"], letter["id"]);
    assert_eq!((&again["generation"], &again["attempts"]), (&json!(2), &json!(10)));
    assert_eq!(again["first_failure_at"], letter["first_failure_at"]);

    clinic.sql("DROP TRIGGER refuse ON requests").await;
    clinic.act(&clinic.operator, &letter, "replay", why("second try")).await.expect(200).unwrap();
    clinic.letter(&metadata, "resolved").await;
    assert_eq!(clinic.system.visits().await.unwrap(), 1);
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
    let actions = clinic.operator.get(&path).await.unwrap().expect(200).unwrap();
    let reasons: Vec<_> =
        actions["actions"].as_array().unwrap().iter().map(|it| &it["reason"]).collect();
    assert_eq!(reasons, ["first try", "second try"]);
}

#[tokio::test]
async fn a_filter_is_replayed_part_by_part_and_refusals_are_passed_by() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    for slot in [&slots[0], &slots[1], &slots[1], &slots[2], &slots[3]] {
        let (command, metadata) = clinic.booking(&patient, slot);
        clinic.bury(&command, &metadata, PANIC).await;
        clinic.letter(&metadata, "open").await;
    }
    let path = "/v1/dead-letters/replay";
    let filter = json!({ "error_class": "panic" });
    let dry = json!({ "reason": "only looking", "filter": filter, "dry_run": true });
    let looked = clinic.operator.post(path, dry).await.unwrap().expect(200).unwrap();
    assert_eq!(looked["items"].as_array().unwrap().len(), 5);
    assert!(looked["items"].as_array().unwrap().iter().all(|it| it["result"] == "would_replay"));
    assert_eq!((&looked["remaining"], &looked["next"]), (&json!(0), &json!(null)));
    assert_eq!(clinic.system.visits().await.unwrap(), 0);

    let mut after = json!(0);
    let (mut replayed, mut refused) = (0, 0);
    loop {
        // One a second: five seconds are over before the last.
        let body = json!({ "reason": "all of them", "filter": filter, "after": after,
            "rate_per_s": 1 });
        let part = clinic.operator.post(path, body).await.unwrap().expect(200).unwrap();
        for item in part["items"].as_array().unwrap() {
            match item["result"].as_str().unwrap() {
                "replayed" => replayed += 1,
                _ => refused += 1,
            }
        }
        if part["next"].is_null() {
            break;
        }
        after = part["next"].clone();
    }
    // The second for one slot is refused, by the rehearsal or once it is tried.
    clinic.letters("state=resolved", replayed).await;
    assert_eq!(replayed + refused, 5);
    assert_eq!(clinic.system.visits().await.unwrap(), 4);
    clinic.letters("state=open", refused).await;
}
