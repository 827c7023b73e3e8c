//! Everything that a service does, its own users may: after a tour through the product, no log
//! speaks of a permission. (What they may not is in `refusals`.)

use anyhow::{Context, ensure};
use async_nats::{ConnectOptions, HeaderMap, jetstream};
use serde_json::json;
use testkit::{Api, Deployment};

const EAGER: [(&str, &str); 4] = [
    ("MC_BOOKING__LEDGER_PERIOD_MS", "50"),
    ("MC_BOOKING__REQUEUE_AFTER_MS", "1000"),
    ("MC_BOOKING__CHECKPOINT_MESSAGES", "1"),
    ("MC_BOOKING__PURGE_MARGIN_MESSAGES", "0"),
];

#[tokio::test]
async fn services_need_no_more_than_their_users_may() -> anyhow::Result<()> {
    let mut deployment = Deployment::start(&EAGER).await?;
    let admin = deployment.admin().await?;
    let doctor = deployment.api(0).new_doctor_of(&admin).await?;
    let id = doctor.id.clone().context("an id")?;
    let patient = deployment.api(1).new_patient().await?;
    let slots = patient.free_slots(&id).await?;

    // Booked through one instance, cancelled through the other.
    let visit = patient.book(&id, &slots[0]).await?.expect(201)?;
    let path = format!("/v1/appointments/{}", visit["id"].as_str().context("an id")?);
    let read = deployment.api(0).with_token(patient.token()?).get(&path).await?;
    let etag = read.header("etag").context("a version")?.to_owned();
    let cancel = deployment.api(0).with_token(patient.token()?);
    let cancelling = cancel
        .request(reqwest::Method::POST, &format!("{path}/cancel"))
        .header("if-match", etag)
        .header("prefer", "wait=20")
        .json(&json!({ "reason": "pat" }));
    let cancelled = cancel.send(cancelling).await?;
    ensure!(cancelled.status == 200, "{}: {}", cancelled.status, cancelled.text);
    let of_cancelling = cancelled.header("x-correlation-id").context("every answer has one")?;
    let trace = deployment.command("ops", &["trace", of_cancelling])?.output().await?;
    ensure!(trace.status.success(), "{}", String::from_utf8_lossy(&trace.stderr));

    check_eligibility(&mut deployment, &patient, &doctor, &slots[1]).await?;

    // A session that ends at one instance ends at the other, through the bucket.
    let leaving = deployment.api(0).new_patient().await?;
    let elsewhere = deployment.api(1).with_token(leaving.token()?);
    elsewhere.get("/v1/me").await?.expect(200)?;
    let body = json!({ "refresh_token": leaving.refresh_token });
    let left = leaving.post("/v1/auth/logout", body).await?;
    ensure!(left.status < 300, "{}: {}", left.status, left.text);
    let is_refused = || async { Ok(elsewhere.get("/v1/me").await?.status == 401) };
    deployment.wait_until("the other instance refuses the token", is_refused).await?;

    let letter = dead_letter(&deployment).await?;
    let path = format!("/v1/dead-letters/{letter}");
    let shown = admin.get(&path).await?;
    ensure!(shown.status == 200, "{}", shown.text);
    let rehearsed = admin.post(&format!("{path}/rehearse"), json!({})).await?;
    ensure!(rehearsed.status == 200, "{}: {}", rehearsed.status, rehearsed.text);
    let discarded = admin.post(&format!("{path}/discard"), json!({ "reason": "planted" })).await?;
    ensure!(discarded.status == 200, "{}: {}", discarded.status, discarded.text);

    let purged = || async {
        Ok(deployment.counter("booking", "mediconnect_purged_messages_total").await? > 0)
    };
    deployment.wait_until("what is proven is purged", purged).await?;
    let ledger = deployment.command("ops", &["ledger"])?.output().await?;
    ensure!(ledger.status.success(), "{}", String::from_utf8_lossy(&ledger.stderr));

    deployment.check_services()?;
    for service in deployment.service_names() {
        let log = deployment.log(service);
        ensure!(log.contains("connected to NATS"), "{service} logs nothing");
        let refused = log.lines().find(|line| line.to_lowercase().contains("violation"));
        ensure!(refused.is_none(), "{service} was refused something: {refused:?}");
    }
    Ok(())
}

/// A visit of somebody insured, whose insurer can't be reached and is then not asked any more.
async fn check_eligibility(
    deployment: &mut Deployment,
    patient: &Api,
    doctor: &Api,
    start: &str,
) -> anyhow::Result<()> {
    let coverages = format!("/v1/patients/{}/coverages", patient.id.as_deref().context("an id")?);
    let card = json!({ "payer": "00042", "subscriber_id": "M-1" });
    patient.post(&coverages, card).await?.expect(201)?;
    let doctor = doctor.id.as_deref().context("an id")?;
    let visit = patient.book(doctor, start).await?.expect(201)?;
    let path = format!("/v1/appointments/{}", visit["id"].as_str().context("an id")?);
    let is_pending = || async {
        let visit = patient.get(&path).await?.expect(200)?;
        Ok(visit["eligibility"]["status"] == "pending_verification")
    };
    deployment.wait_until("somebody tried to ask about the visit", is_pending).await?;

    let admin = deployment.admin().await?;
    let order = json!({ "control": "forced_open", "reason": "nobody is there" });
    let forcing = admin.request(reqwest::Method::PUT, "/v1/breakers/00042").json(&order);
    admin.send(forcing).await?.expect(200)?;
    deployment.wait_until("the worker follows", || is_forced_open(&admin, 1)).await?;
    // Whoever starts later learns what was decided before, and asks nobody until then.
    deployment.scale("eligibility", 2).await?;
    deployment.wait_until("the second worker follows", || is_forced_open(&admin, 2)).await?;
    deployment.restart_services("eligibility").await?;
    deployment.wait_until("both follow again", || is_forced_open(&admin, 2)).await
}

/// Whether so many workers tell that their breaker is forced open.
async fn is_forced_open(admin: &Api, workers: usize) -> anyhow::Result<bool> {
    let breakers = admin.get("/v1/breakers").await?.expect(200)?;
    let replicas = breakers["items"][0]["replicas"].as_array().cloned().unwrap_or_default();
    Ok(replicas.len() == workers && replicas.iter().all(|it| it["state"] == "forced_open"))
}

/// Puts what nobody can read into the stream of commands, as a broken api would, and waits until
/// operators see it.
async fn dead_letter(deployment: &Deployment) -> anyhow::Result<String> {
    let context = jetstream::new(deployment.nats_user("api", ConnectOptions::new()).await?);
    let subject = format!("mc.cmd.booking.book.{}", uuid::Uuid::now_v7());
    let headers = HeaderMap::new();
    context.publish_with_headers(subject, headers, "no command".into()).await?.await?;
    let admin = deployment.admin().await?;
    let find = async || {
        let body = admin.get("/v1/dead-letters").await?.expect(200)?;
        anyhow::Ok(body["items"][0]["id"].as_str().map(str::to_owned))
    };
    deployment.wait_until("the letter is seen", || async { Ok(find().await?.is_some()) }).await?;
    find().await?.context("it was there")
}
