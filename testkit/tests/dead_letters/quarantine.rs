//! A message that ends the process that works on it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use contracts::subjects;
use domain::RequestId;
use tokio::process::{Child, Command};

use super::clinic::{Clinic, why};

/// Deaths after which it must be a letter, and then some: a bound against running for ever.
const MOST_DEATHS: usize = 8;

fn mortal_worker(clinic: &Clinic, dies_of: RequestId, skipped: Option<u64>) -> Child {
    let program = Path::new(env!("CARGO_BIN_EXE_mortal-worker"));
    let mut command: Command = clinic.system.command_of(program, &[&dies_of.to_string()]);
    command.args(skipped.map(|sequence| sequence.to_string()));
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
}

/// Starts workers until one has put the message away, and says how many there were.
async fn deaths_until_there_is_a_letter(
    clinic: &Clinic,
    killer: RequestId,
    skipped: Option<u64>,
) -> usize {
    let mut deaths = 0;
    while clinic.messages(subjects::DEAD).await == 0 {
        let mut worker = mortal_worker(clinic, killer, skipped);
        // Until it dies, or has put the message away and lives.
        let ended = loop {
            let looked = tokio::time::timeout(Duration::from_millis(100), worker.wait()).await;
            match looked {
                Ok(status) => break Some(status.unwrap()),
                Err(_) if clinic.messages(subjects::DEAD).await > 0 => break None,
                Err(_) => {}
            }
        };
        match ended {
            Some(status) => assert!(!status.success(), "it ended, and wasn't killed: {status}"),
            None => worker.kill().await.unwrap(),
        }
        deaths += 1;
        assert!(deaths <= MOST_DEATHS, "it goes on killing workers");
    }
    deaths
}

#[tokio::test]
async fn a_message_that_kills_its_worker_is_quarantined_and_its_neighbours_are_booked() {
    let mut clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    clinic.system.stop_worker().await.unwrap();
    let bookings: Vec<_> = (0..20).map(|index| clinic.booking(&patient, &slots[index])).collect();
    for (command, metadata) in &bookings {
        let subject = command.kind().subject(metadata.request_id);
        clinic.publish(subject, metadata, command.to_body()).await;
    }
    let killer = &bookings[11].1;

    let deaths = deaths_until_there_is_a_letter(&clinic, killer.request_id, None).await;
    // Together with the others once, alone three times, and then not again.
    assert_eq!(deaths, 5, "four deaths, and one worker that lived");

    clinic.system.start_worker().await.unwrap();
    let letter = clinic.letter(killer, "open").await;
    assert_eq!(letter["error_class"], "quarantined");
    assert_eq!(letter["attempts"], 3);
    let booked = || async { Ok(clinic.system.visits().await? == 19) };
    clinic.system.wait_until("the neighbours are booked", booked).await.unwrap();
    let rehearsal = clinic.act(&clinic.operator, &letter, "rehearse", serde_json::json!({})).await;
    assert_eq!(rehearsal.expect(200).unwrap()["verdict"], "not_rehearsed");

    // A worker that doesn't die of it settles the replay.
    let fixed = clinic.act(&clinic.operator, &letter, "replay", why("upgraded")).await;
    fixed.expect(200).unwrap();
    clinic.letter(killer, "resolved").await;
    assert_eq!(clinic.system.visits().await.unwrap(), 20);
    let (ledger, code) = clinic.system.ledger().await.unwrap();
    assert_eq!((code, &ledger["dead"]), (0, &0.into()), "{ledger:#}");
}

#[tokio::test]
async fn a_skipped_message_that_kills_its_worker_is_quarantined_too() {
    let mut clinic = Clinic::open().await;
    let patient = clinic.system.api().new_patient().await.unwrap();
    let slots = clinic.free_slots().await;
    clinic.system.stop_worker().await.unwrap();
    let (command, killer) = clinic.booking(&patient, &slots[0]);
    let subject = command.kind().subject(killer.request_id);
    clinic.publish(subject, &killer, command.to_body()).await;
    // Acknowledged by nobody who has settled it: only whoever keeps the books finds it again.
    let sequence = clinic.skip_one().await;

    let deaths = deaths_until_there_is_a_letter(&clinic, killer.request_id, Some(sequence)).await;
    // Each time alone, because nobody knows whether it was in hand before.
    assert_eq!(deaths, 4, "three deaths, and one worker that lived");
    clinic.system.start_worker().await.unwrap();
    let letter = clinic.letter(&killer, "open").await;
    assert_eq!(letter["error_class"], "quarantined");
}
