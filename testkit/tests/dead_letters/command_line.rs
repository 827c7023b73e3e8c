//! `mediconnect dlq`, as an operator types it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use contracts::subjects;
use futures::future::join;
use serde_json::Value;

use super::clinic::{Clinic, PANIC, id_of, yesterday};

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.err))
    }
}

async fn dlq(clinic: &Clinic, arguments: &[&str]) -> Said {
    let url = format!("http://{}", clinic.system.listen());
    let mut command = clinic.system.command(&["dlq", "--url", &url]);
    let output = command.args(arguments).output().await.unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn from_the_list_to_the_end_of_a_letter() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let (good, over) =
        (clinic.booking(&patient, &slots[0]), clinic.booking(&patient, &yesterday()));
    let mut ids = Vec::new();
    for (command, metadata) in [&good, &over] {
        clinic.bury(command, metadata, PANIC).await;
        let letter = clinic.letter(metadata, "open").await;
        ids.push(letter["id"].as_str().unwrap().to_owned());
    }
    let [good_id, over_id] = &ids[..] else { panic!("two letters") };

    let list = dlq(&clinic, &["list", "--error-class", "panic", "--older-than", "1h"]).await;
    assert_eq!(list.code, 0, "{}", list.err);
    assert!(list.out.contains(good_id) && list.out.contains("as planted"), "{}", list.out);
    assert!(!list.out.contains('\x1b'), "colours without a terminal");
    let list = dlq(&clinic, &["list", "--json", "--limit", "1"]).await;
    assert_eq!(list.json()["items"][0]["id"], over_id.as_str());
    let groups = dlq(&clinic, &["list", "--groups", "--json"]).await;
    assert_eq!(groups.json()["items"][0]["count"], 2);

    let shown = dlq(&clinic, &["show", good_id]).await;
    assert!(shown.out.contains("message, masked"), "{}", shown.out);
    assert!(!shown.out.contains(&id_of(&patient).to_string()), "{}", shown.out);
    let unmasked = dlq(&clinic, &["show", good_id, "--unmask", "--reason", "to call them"]).await;
    assert!(unmasked.out.contains(&id_of(&patient).to_string()), "{}", unmasked.err);

    let rehearsed = dlq(&clinic, &["rehearse", good_id]).await;
    assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
    assert!(rehearsed.out.contains("it would be applied"), "{}", rehearsed.out);

    let dry = dlq(&clinic, &["replay", "--all", "--reason", "only looking", "--dry-run"]).await;
    assert_eq!(dry.code, 1);
    assert!(dry.out.contains("1 would be replayed, 1 refused"), "{}", dry.out);
    assert!(dry.out.contains("start_in_past"), "{}", dry.out);
    let replayed = dlq(&clinic, &["replay", good_id, "--reason", "fixed", "--json"]).await;
    assert_eq!((replayed.code, &replayed.json()["replayed"]), (0, &1.into()), "{}", replayed.err);
    clinic.letter(&good.1, "resolved").await;
    let again = dlq(&clinic, &["replay", good_id, "--reason", "again"]).await;
    assert_eq!(again.code, 1);
    assert!(again.out.contains("letter_not_open"), "{}", again.out);

    let discarded = dlq(&clinic, &["discard", over_id, "--reason", "the day is over"]).await;
    assert_eq!(discarded.code, 0, "{}", discarded.err);
    let again = dlq(&clinic, &["discard", over_id, "--reason", "the day is over"]).await;
    assert_eq!(again.code, 1);
    assert!(dlq(&clinic, &["list"]).await.out.contains("no such letters"));
}

#[tokio::test]
async fn two_operators_at_once_replay_each_letter_once() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let commands = clinic.messages(subjects::COMMANDS).await;
    for slot in &slots[..30] {
        let (command, metadata) = clinic.booking(&patient, slot);
        clinic.bury(&command, &metadata, PANIC).await;
    }
    clinic.letters("state=open", 30).await;
    let replay = ["replay", "--all", "--reason", "both of us", "--rate", "1000", "--json"];
    let (one, other) = join(dlq(&clinic, &replay), dlq(&clinic, &replay)).await;
    let count = |said: &Said| said.json()["replayed"].as_u64().unwrap();
    assert_eq!(count(&one) + count(&other), 30, "{} {}", one.out, other.out);
    clinic.letters("state=resolved", 30).await;
    assert_eq!(clinic.messages(subjects::COMMANDS).await, commands + 30);
    assert_eq!(clinic.system.visits().await.unwrap(), 30);
}

#[tokio::test]
async fn a_replay_that_was_killed_is_taken_up_where_it_was() {
    let clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    let commands = clinic.messages(subjects::COMMANDS).await;
    for slot in &slots[..20] {
        let (command, metadata) = clinic.booking(&patient, slot);
        clinic.bury(&command, &metadata, PANIC).await;
    }
    clinic.letters("state=open", 20).await;
    let url = format!("http://{}", clinic.system.listen());
    let slowly = ["--url", &url, "replay", "--all", "--reason", "piece by piece", "--rate", "4"];
    let mut command = clinic.system.command(&["dlq"]);
    let mut first = command.args(slowly).kill_on_drop(true).spawn().unwrap();
    let some = || async { Ok(clinic.system.visits().await? >= 3) };
    clinic.system.wait_until("some are replayed", some).await.unwrap();
    first.kill().await.unwrap();
    let before = clinic.system.visits().await.unwrap();
    assert!(before < 20, "it was killed too late to be taken up");

    let rest = ["replay", "--all", "--reason", "the rest", "--rate", "1000", "--json"];
    let second = dlq(&clinic, &rest).await;
    assert_eq!(second.code, 0, "{}", second.err);
    assert!(second.json()["replayed"].as_u64().unwrap() < 20, "{}", second.out);
    clinic.letters("state=resolved", 20).await;
    assert_eq!(clinic.messages(subjects::COMMANDS).await, commands + 20, "each went once");
    assert_eq!(clinic.system.visits().await.unwrap(), 20);
}

#[tokio::test]
async fn says_what_is_missing() {
    let clinic = Clinic::open().await;
    let nobody = dlq(&clinic, &["replay", "--reason", "nothing in particular"]).await;
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("--all"), "{}", nobody.err);
    for which in [&["--all"][..], &["--group", "abcd"], &["--all", "--dry-run"]] {
        let arguments = [&["replay", "--reason", "there is none"][..], which].concat();
        let none = dlq(&clinic, &arguments).await;
        assert_eq!(none.code, 1, "{which:?}: {}", none.out);
        assert!(none.err.contains("no open letter matches"), "{which:?}: {}", none.err);
    }
    let refused = dlq(&clinic, &["list", "--worker", "a b"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("worker: expected a word"), "{}", refused.err);
    let unknown = uuid::Uuid::now_v7().to_string();
    let missing = dlq(&clinic, &["show", &unknown]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("no such letter"), "{}", missing.err);

    let mut command = clinic.system.command(&["dlq", "list"]);
    command.env_remove("ADMIN_EMAIL").env_remove("ADMIN_PASSWORD");
    let stranger = command.output().await.unwrap();
    assert_eq!(stranger.status.code(), Some(2));
    let said = String::from_utf8(stranger.stderr).unwrap();
    assert!(said.contains("MEDICONNECT_TOKEN"), "{said}");
}
