//! Coverages and what insurers say of them, through the public API.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Api, Insurer, System};

const PAYER: &str = "00042";

async fn start() -> anyhow::Result<(System, Insurer)> {
    let insurer = Insurer::start().await?;
    let url = insurer.url();
    let settings = [
        ("MC_ELIGIBILITY__INSURER_URL", url.as_str()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true"),
        ("MC_ELIGIBILITY__POLL_MS", "50"),
        ("MC_ELIGIBILITY__RETRY_FIRST_MS", "100"),
        ("MC_ELIGIBILITY__RETRY_MAX_MS", "500"),
        ("MC_ELIGIBILITY__BREAKER_OPEN_MS", "500"),
    ];
    let mut system = System::start_with(&settings).await?;
    system.start_eligibility().await?;
    Ok((system, insurer))
}

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

async fn insure(person: &Api, member: &str) -> anyhow::Result<Value> {
    let path = format!("/v1/patients/{}/coverages", id(person)?);
    person.post(&path, json!({ "payer": PAYER, "subscriber_id": member })).await?.expect(201)
}

/// Looks until the thing at this path is eligible as it should be.
async fn wait_for(system: &System, who: &Api, path: &str, status: &str) -> anyhow::Result<Value> {
    let is_so =
        || async { Ok(who.get(path).await?.expect(200)?["eligibility"]["status"] == status) };
    system.wait_until(&format!("it is {status}"), is_so).await?;
    who.get(path).await?.expect(200)
}

#[tokio::test]
async fn a_visit_of_somebody_insured_is_checked_by_itself() -> anyhow::Result<()> {
    let (system, _insurer) = start().await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let coverage = insure(&patient, "M-1-ACTIVE").await?;
    ensure!(coverage["eligibility"]["status"] == "not_checked", "{coverage}");
    let path = format!("/v1/coverages/{}", coverage["id"].as_str().context("an id")?);
    let coverage = wait_for(&system, &patient, &path, "active").await?;
    ensure!(coverage["eligibility"]["last_known"]["result"] == "active", "{coverage}");

    let slots = patient.free_slots(id(&doctor)?).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = format!("/v1/appointments/{}", booked["id"].as_str().context("an id")?);
    let seen = wait_for(&system, &patient, &visit, "active").await?;
    ensure!(seen["status"] == "booked" && seen["version"] == 1, "{seen}");
    ensure!(seen["eligibility"]["last_known"]["age_s"].is_i64(), "{seen}");
    // The doctor sees that it is covered, and no number on any card.
    let seen = doctor.get(&visit).await?;
    ensure!(seen.body["eligibility"]["status"] == "active" && !seen.text.contains("M-1"));

    let list = patient.get(&format!("/v1/patients/{}/coverages", id(&patient)?)).await?;
    ensure!(list.expect(200)?["items"][0]["subscriber_id"] == "M-1-ACTIVE");
    // Nobody writes down who is insured how.
    for log in ["api", "worker", "eligibility"] {
        ensure!(!system.log(log).contains("M-1-ACTIVE"), "the log of {log} names a member");
    }
    Ok(())
}

#[tokio::test]
async fn visits_that_were_booked_before_are_checked_too() -> anyhow::Result<()> {
    let (system, _insurer) = start().await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = format!("/v1/appointments/{}", booked["id"].as_str().context("an id")?);
    ensure!(patient.get(&visit).await?.expect(200)?["eligibility"]["status"] == "not_checked");
    insure(&patient, "M-2-INACTIVE").await?;
    wait_for(&system, &patient, &visit, "inactive").await?;
    // A second plan that covers is enough.
    insure(&patient, "M-3-ACTIVE").await?;
    wait_for(&system, &patient, &visit, "active").await?;
    Ok(())
}

#[tokio::test]
async fn what_was_known_stays_known_while_nobody_can_be_asked() -> anyhow::Result<()> {
    let (system, mut insurer) = start().await?;
    let patient = system.api().new_patient().await?;
    let coverage = insure(&patient, "M-4-ACTIVE").await?;
    let path = format!("/v1/coverages/{}", coverage["id"].as_str().context("an id")?);
    wait_for(&system, &patient, &path, "active").await?;
    insurer.stop().await?;
    let database = system.database().await?;
    let again = "UPDATE eligibility_checks SET next_at = now()";
    database.execute(again, &[]).await?;
    let seen = wait_for(&system, &patient, &path, "pending_verification").await?;
    let eligibility = &seen["eligibility"];
    ensure!(eligibility["last_known"]["result"] == "active", "{seen}");
    ensure!(eligibility["reason"].is_string() && eligibility["next_check_at"].is_string());
    let admin = system.api().admin().await?;
    let pending = "/v1/eligibility-checks?status=pending_verification";
    ensure!(admin.get(pending).await?.expect(200)?["items"].as_array().map(Vec::len) == Some(1));
    insurer.restart().await?;
    wait_for(&system, &patient, &path, "active").await?;
    Ok(())
}

#[tokio::test]
async fn what_a_person_must_look_at_is_on_their_list() -> anyhow::Result<()> {
    let (system, insurer) = start().await?;
    let (patient, admin) = (system.api().new_patient().await?, system.api().admin().await?);
    let coverage = insure(&patient, "M-5-AAA75").await?;
    let path = format!("/v1/coverages/{}", coverage["id"].as_str().context("an id")?);
    let seen = wait_for(&system, &patient, &path, "needs_attention").await?;
    ensure!(seen["eligibility"]["reason"] == "patient_data", "{seen}");
    ensure!(seen["eligibility"]["reason_code"] == "75", "{seen}");
    ensure!(seen["eligibility"].get("next_check_at").is_none(), "asking again doesn't help");
    let list = format!("/v1/eligibility-checks?status=needs_attention&payer={PAYER}");
    let list = admin.get(&list).await?.expect(200)?;
    ensure!(list["items"][0]["coverage_id"] == coverage["id"], "{list}");
    let answered = "mediconnect_breaker_state{payer=\"00042\",state=\"closed\"} 1";
    ensure!(system.eligibility_metrics().await?.contains(answered), "an answer is no failure");
    ensure!(insurer.calls_of(&PAYER.parse()?).await?.totals.calls == 1);
    for query in ["status=fine", "payer=a%20b", "colour=red", "limit=0"] {
        let refused = admin.get(&format!("/v1/eligibility-checks?{query}")).await?;
        ensure!(refused.status == 400 || refused.status == 422, "{query}: {}", refused.status);
    }
    Ok(())
}

#[tokio::test]
async fn a_coverage_is_refused_when_it_makes_no_sense() -> anyhow::Result<()> {
    let (system, _insurer) = start().await?;
    let (patient, other) = (system.api().new_patient().await?, system.api().new_patient().await?);
    insure(&patient, "M-6-ACTIVE").await?;
    let path = format!("/v1/patients/{}/coverages", id(&patient)?);
    let again = json!({ "payer": PAYER, "subscriber_id": "M-6-ACTIVE" });
    ensure!(patient.post(&path, again.clone()).await?.problem(409)? == "coverage_exists");
    ensure!(other.post(&path, again.clone()).await?.problem(404)? == "unknown_patient");
    ensure!(other.get(&path).await?.problem(404)? == "unknown_patient");
    let stranger = format!("/v1/patients/{}/coverages", uuid::Uuid::now_v7());
    let admin = system.api().admin().await?;
    ensure!(admin.post(&stranger, again).await?.problem(404)? == "unknown_patient");
    for wrong in [
        json!({}),
        json!({ "payer": PAYER }),
        json!({ "payer": 42, "subscriber_id": "M" }),
        json!({ "payer": PAYER, "subscriber_id": "a b" }),
        json!({ "payer": PAYER, "subscriber_id": "M", "relationship": "child" }),
        json!({ "payer": PAYER, "subscriber_id": "M", "status": "active" }),
        json!({ "payer": PAYER, "subscriber_id": "M", "period": { "start": "2027-13-01" } }),
    ] {
        ensure!(
            patient.post(&path, wrong.clone()).await?.problem(422)? == "invalid_body",
            "{wrong}"
        );
    }
    for number in 0..9 {
        insure(&patient, &format!("M-7{number}-ACTIVE")).await?;
    }
    let one_more = json!({ "payer": PAYER, "subscriber_id": "M-8" });
    ensure!(patient.post(&path, one_more).await?.problem(409)? == "too_many_coverages");
    Ok(())
}

#[tokio::test]
async fn an_insurer_in_our_own_network_has_to_be_allowed() -> anyhow::Result<()> {
    let system = System::start().await?;
    let private = "eligibility.insurer_url: that is no public address; \
                   set eligibility.allow_private_addresses to allow it";
    let plain = "eligibility.insurer_url: insurers are asked by https; \
                 eligibility.allow_private_addresses allows http";
    let no_base = "setting MC_ELIGIBILITY__INSURER_URL in the environment must be a base URL";
    for (url, says) in [
        ("http://127.0.0.1:1", private),
        ("https://192.168.1.1", private),
        ("https://[::1]:1", private),
        ("http://insurer.example", plain),
        ("ftp://insurer.example", no_base),
        ("https://user@insurer.example", no_base),
    ] {
        let mut command = system.command(&["worker", "eligibility"]);
        let output = command.env("MC_ELIGIBILITY__INSURER_URL", url).output().await?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(!output.status.success(), "{url} was taken");
        ensure!(said.contains(says), "{url}: {said}");
    }
    Ok(())
}
