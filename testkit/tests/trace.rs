//! `mediconnect trace` on real processes: the life of a request by its correlation id.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, Insurer, System};
use uuid::Uuid;

async fn trace(system: &System, id: &str, more: &[&str]) -> anyhow::Result<(String, i32)> {
    let output = system.command(&[&["trace", id], more].concat()).output().await?;
    let code = output.status.code().context("trace was killed")?;
    anyhow::ensure!(code != 2, "{}", String::from_utf8_lossy(&output.stderr));
    Ok((String::from_utf8(output.stdout)?, code))
}

/// What happened, as (stage, what), in order.
async fn moments(system: &System, id: &str) -> anyhow::Result<Vec<(String, String)>> {
    let (out, _) = trace(system, id, &["--json"]).await?;
    let trace: Value = serde_json::from_str(&out).context(out)?;
    let text = |moment: &Value, key| moment[key].as_str().unwrap_or_default().to_owned();
    let moments = trace["moments"].as_array().context("a trace has moments")?;
    Ok(moments.iter().map(|moment| (text(moment, "stage"), text(moment, "what"))).collect())
}

async fn book(patient: &Api, doctor: &Api, start: &str, id: &str) -> anyhow::Result<()> {
    let body = json!({ "practitioner_id": doctor.id, "start": start });
    let request = patient.request(Method::POST, "/v1/appointments");
    patient.send(request.header("x-correlation-id", id).json(&body)).await?.expect(202)?;
    Ok(())
}

fn has(moments: &[(String, String)], stage: &str, what: &str) -> bool {
    moments.iter().any(|moment| moment.0 == stage && moment.1.contains(what))
}

#[tokio::test]
async fn a_booking_from_the_door_to_the_audit_log() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let api = system.api();
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(doctor.id.as_deref().context("signed in")?).await?;
    system.stop_worker().await?;

    let id = Uuid::new_v4().to_string();
    book(&patient, &doctor, &slots[0], &id).await?;
    let waits = moments(&system, &id).await?;
    assert!(has(&waits, "http", "book asked for, as patient"), "{waits:?}");
    assert!(has(&waits, "accepted", "book stored"), "{waits:?}");
    assert_eq!(waits.last().map(|last| last.1.as_str()), Some("waits for the booking worker"));

    system.start_worker().await?;
    let published = || async { Ok(has(&moments(&system, &id).await?, "event", "published")) };
    system.wait_until("the fact is published", published).await?;
    // The audit log knows of the fact once it is sealed, and it is still told once; looking is
    // recorded for itself.
    let look = patient.request(Method::GET, "/v1/appointments").header("x-correlation-id", &id);
    patient.send(look).await?.expect(200)?;
    system.start_audit()?;
    let audited = || async { Ok(has(&moments(&system, &id).await?, "audit", "")) };
    system.wait_until("the request is audited", audited).await?;
    let sealed = || async {
        let (report, _) = system.verify_audit().await?;
        Ok(report["waiting"] == 0)
    };
    system.wait_until("everything is sealed", sealed).await?;

    let life = moments(&system, &id).await?;
    let stages: Vec<_> = life.iter().map(|moment| moment.0.as_str()).collect();
    let of = |stage| stages.iter().filter(|it| **it == stage).count();
    assert_eq!([of("http"), of("accepted"), of("transaction"), of("event")], [1; 4], "{life:?}");
    assert!(!stages.contains(&"delivery"), "{life:?}");
    assert!(has(&life, "transaction", "book applied"), "{life:?}");
    assert!(has(&life, "event", "appointment.booked published"), "{life:?}");

    let (text, code) = trace(&system, &id, &[]).await?;
    assert_eq!(code, 0);
    assert!(text.contains("book applied") && text.contains("trace id"), "{text}");
    for person in [&patient, &doctor] {
        let person = person.id.as_deref().context("signed in")?;
        assert!(!text.contains(person), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_question_to_an_insurer_that_waits_for_its_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let me = patient.id.as_deref().context("signed in")?;
    let path = format!("/v1/patients/{me}/coverages");
    let card = json!({ "payer": "00042", "subscriber_id": "M-9" });
    let added = patient.post(&path, card).await?;
    let id = added.header("x-correlation-id").context("every answer has one")?.to_owned();
    added.expect(201)?;
    let life = moments(&system, &id).await?;
    assert!(has(&life, "eligibility", "to be asked"), "{life:?}");
    let (text, code) = trace(&system, &id, &[]).await?;
    assert_eq!(code, 0);
    assert!(!text.contains("M-9") && !text.contains(me) && !text.contains("00042"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_question_to_an_insurer_and_its_answer() -> anyhow::Result<()> {
    let insurer = Insurer::start().await?;
    let url = insurer.url();
    let settings = [
        ("MC_ELIGIBILITY__INSURER_URL", url.as_str()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true"),
    ];
    let mut system = System::start_with(&settings).await?;
    system.start_eligibility().await?;
    let patient = system.api().new_patient().await?;
    let path = format!("/v1/patients/{}/coverages", patient.id.as_deref().context("signed in")?);
    let card = json!({ "payer": "00042", "subscriber_id": "M-9-ACTIVE" });
    let added = patient.post(&path, card).await?;
    let id = added.header("x-correlation-id").context("every answer has one")?.to_owned();
    added.expect(201)?;
    let answered =
        || async { Ok(has(&moments(&system, &id).await?, "eligibility", "the insurer answered")) };
    system.wait_until("the trace shows the answer", answered).await
}

/// No row gets in while this stands, whoever asks.
const PLANT: &str = "ALTER TABLE appointments ADD CONSTRAINT planted CHECK (version < 0) NOT VALID";

#[tokio::test]
async fn a_request_that_dies_and_is_replayed() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(doctor.id.as_deref().context("signed in")?).await?;
    let database = system.database().await?;
    database.batch_execute(PLANT).await?;
    let id = Uuid::new_v4().to_string();
    book(&patient, &doctor, &slots[0], &id).await?;
    let given_up = || async { Ok(has(&moments(&system, &id).await?, "dead-letter", "given up")) };
    system.wait_until("it is a dead letter", given_up).await?;
    let died = moments(&system, &id).await?;
    assert!(has(&died, "delivery", "failed 5 times"), "{died:?}");

    database.batch_execute("ALTER TABLE appointments DROP CONSTRAINT planted").await?;
    let url = format!("http://{}", system.listen());
    let replay = ["dlq", "--url", &url, "replay", "--all", "--reason", "the plant is gone"];
    let replayed = system.command(&replay).output().await?;
    anyhow::ensure!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let applied = || async { Ok(has(&moments(&system, &id).await?, "transaction", "applied")) };
    system.wait_until("it is applied", applied).await?;
    let life = moments(&system, &id).await?;
    assert!(has(&life, "accepted", "book stored again, as a replay"), "{life:?}");
    assert!(has(&life, "dead-letter", "replay, as admin"), "{life:?}");
    let (text, _) = trace(&system, &id, &[]).await?;
    assert!(!text.contains("the plant is gone"), "an operator's words are not for everybody");
    Ok(())
}

#[tokio::test]
async fn what_nothing_belongs_to_is_said() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (text, code) = trace(&system, &Uuid::new_v4().to_string(), &[]).await?;
    assert_eq!(code, 1);
    assert!(text.contains("nothing belongs to it"), "{text}");
    let wrong = system.command(&["trace", "yesterday"]).output().await?;
    assert_eq!(wrong.status.code(), Some(2));
    Ok(())
}
