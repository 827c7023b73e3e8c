//! The life of one booking, through the public API, on real processes.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, System};

/// A doctor, a patient, and the doctor's free slots.
async fn scene(system: &System) -> anyhow::Result<(Api, Api, Vec<String>)> {
    let api = system.api();
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    Ok((doctor, patient, slots))
}

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

async fn book_with_key(
    patient: &Api,
    doctor: &Api,
    start: &str,
    key: &str,
) -> anyhow::Result<Answer> {
    let body = json!({ "practitioner_id": id(doctor)?, "start": start });
    let request = patient.request(Method::POST, "/v1/appointments").header("prefer", "wait=20");
    patient.send(request.header("idempotency-key", key).json(&body)).await
}

async fn book_without_waiting(
    patient: &Api,
    doctor: &Api,
    start: &str,
) -> anyhow::Result<(String, Answer)> {
    let body = json!({ "practitioner_id": id(doctor)?, "start": start });
    let answer = patient.post("/v1/appointments", body).await?;
    let location = answer.header("location").context("accepted requests have a place")?.to_owned();
    Ok((location, answer))
}

/// The request's document once it has ended.
async fn settled(system: &System, person: &Api, location: &str) -> anyhow::Result<Value> {
    system
        .wait_until("the request is settled", || async {
            let body = person.get(location).await?.expect(200)?;
            Ok(body["status"] != "accepted")
        })
        .await?;
    person.get(location).await?.expect(200)
}

async fn change(
    person: &Api,
    appointment: &str,
    version: Option<&str>,
    reason: &str,
) -> anyhow::Result<Answer> {
    let path = format!("/v1/appointments/{appointment}/cancel");
    let mut request = person.request(Method::POST, &path).header("prefer", "wait=20");
    if let Some(version) = version {
        request = request.header("if-match", version);
    }
    person.send(request.json(&json!({ "reason": reason }))).await
}

#[tokio::test]
async fn booking_with_wait_is_answered_with_the_visit() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let answer = patient.book(id(&doctor)?, &slots[0]).await?;
    assert_eq!(answer.header("preference-applied"), Some("wait=20"));
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    let location = answer.header("location").context("a visit has a place")?.to_owned();
    let visit = answer.expect(201)?;
    assert_eq!(visit["status"], "booked");
    assert_eq!(visit["patient_id"], id(&patient)?);
    assert_eq!(visit["start"], slots[0]);
    assert_eq!(location, format!("/v1/appointments/{}", visit["id"].as_str().unwrap_or_default()));

    // Everyone whom it concerns sees it, and nobody else.
    for person in [&patient, &doctor, &system.api().admin().await?] {
        let mut read = person.get(&location).await?.expect(200)?;
        let eligibility = read.as_object_mut().and_then(|read| read.remove("eligibility"));
        assert_eq!((read, eligibility), (visit.clone(), Some(json!({ "status": "not_checked" }))));
        let list = person.get("/v1/appointments").await?.expect(200)?;
        assert_eq!(list["items"], json!([visit]));
    }
    let [other, other_doctor] =
        [system.api().new_patient().await?, system.api().new_doctor().await?];
    for stranger in [&other, &other_doctor] {
        assert_eq!(stranger.get(&location).await?.problem(404)?, "unknown_appointment");
        assert_eq!(stranger.get("/v1/appointments").await?.expect(200)?["items"], json!([]));
    }
    assert!(!other.free_slots(id(&doctor)?).await?.contains(&slots[0]));
    Ok(())
}

#[tokio::test]
async fn booking_without_wait_is_accepted_and_then_settled() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let (location, answer) = book_without_waiting(&patient, &doctor, &slots[0]).await?;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.expect(202)?["status"], "accepted");
    let request = settled(&system, &patient, &location).await?;
    assert_eq!(request["status"], "applied");

    let stranger = system.api().new_patient().await?;
    assert_eq!(stranger.get(&location).await?.problem(404)?, "not_found");
    let admin = system.api().admin().await?;
    assert_eq!(admin.get(&location).await?.problem(404)?, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_taken_slot_is_an_outcome() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let other = system.api().new_patient().await?;
    let refused = other.book(id(&doctor)?, &slots[0]).await?;
    assert_eq!(refused.problem(409)?, "slot_taken");

    let (location, _) = book_without_waiting(&other, &doctor, &slots[0]).await?;
    let request = settled(&system, &other, &location).await?;
    assert_eq!(request["status"], "rejected");
    assert_eq!(request["problem"]["type"], "/problems/slot_taken");

    let second_doctor = system.api().new_doctor().await?;
    let busy = patient.book(id(&second_doctor)?, &slots[0]).await?;
    assert_eq!(busy.problem(409)?, "patient_busy");
    Ok(())
}

#[tokio::test]
async fn of_many_who_want_one_slot_exactly_one_gets_it() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, first, slots) = scene(&system).await?;
    let mut patients = vec![first];
    for _ in 0..15 {
        patients.push(system.api().new_patient().await?);
    }
    let doctor = id(&doctor)?;
    let answers = patients.iter().map(|patient| patient.book(doctor, &slots[0]));
    let answers = futures::future::join_all(answers).await;
    let statuses = answers.into_iter().map(|answer| Ok(answer?.status));
    let mut statuses = statuses.collect::<anyhow::Result<Vec<_>>>()?;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_gives_one_booking_and_one_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let first = book_with_key(&patient, &doctor, &slots[0], "key-1").await?;
    let again = book_with_key(&patient, &doctor, &slots[0], "\"key-1\"").await?;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.status, 201);

    // Another way to write the same instant is the same body.
    let instant: jiff::Timestamp = slots[0].parse()?;
    let elsewhere = instant.to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo")?);
    let elsewhere = elsewhere.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let same = book_with_key(&patient, &doctor, &elsewhere, "key-1").await?;
    assert_eq!(same.expect(201)?, first.body);

    let other_body = book_with_key(&patient, &doctor, &slots[1], "key-1").await?;
    assert_eq!(other_body.problem(422)?, "key_reused");
    let other_caller = system.api().new_patient().await?;
    book_with_key(&other_caller, &doctor, &slots[1], "key-1").await?.expect(201)?;

    // A conflict is remembered as well: the key's answer doesn't change when the slot is free.
    let refused = book_with_key(&other_caller, &doctor, &slots[0], "key-2").await?;
    assert_eq!(refused.problem(409)?, "slot_taken");
    let visit = first.body["id"].as_str().context("an id")?;
    change(&patient, visit, Some("\"v1\""), "pat").await?.expect(200)?;
    let again = book_with_key(&other_caller, &doctor, &slots[0], "key-2").await?;
    assert_eq!(again.problem(409)?, "slot_taken");

    let visits = "SELECT count(*) FROM appointments";
    let count: i64 = system.database().await?.query_one(visits, &[]).await?.get(0);
    assert_eq!(count, 2);
    Ok(())
}

#[tokio::test]
async fn a_thousand_repeats_of_one_key_have_one_effect() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let repeats = (0..1_000).map(|_| book_with_key(&patient, &doctor, &slots[0], "same"));
    let answers = futures::future::join_all(repeats).await;
    let mut bodies = Vec::new();
    for answer in answers {
        bodies.push(answer?.expect(201)?);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_visit_frees_its_slot() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let visit = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = visit["id"].as_str().context("an id")?;

    let missing = change(&patient, visit, None, "pat").await?;
    assert_eq!(missing.problem(428)?, "precondition_required");
    let stale = change(&patient, visit, Some("\"v7\""), "pat").await?;
    assert_eq!(stale.problem(412)?, "version_mismatch");
    let stranger = system.api().new_patient().await?;
    let foreign = change(&stranger, visit, Some("\"v1\""), "pat").await?;
    let nobody = uuid::Uuid::new_v4().to_string();
    let nothing = change(&stranger, &nobody, Some("\"v1\""), "pat");
    assert_eq!(foreign.problem(404)?, nothing.await?.problem(404)?);

    let cancelled = change(&patient, visit, Some("\"v1\""), "pat").await?;
    assert_eq!(cancelled.header("etag"), Some("\"v2\""));
    let cancelled = cancelled.expect(200)?;
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["cancelation_reason"], "pat");
    let twice = change(&patient, visit, Some("\"v2\""), "pat").await?;
    assert_eq!(twice.problem(409)?, "not_cancellable");
    stranger.book(id(&doctor)?, &slots[0]).await?.expect(201)?;

    let history = "SELECT status FROM appointment_status_history
                   WHERE appointment_id = $1::text::uuid ORDER BY version";
    let rows = system.database().await?.query(history, &[&visit]).await?;
    let statuses: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(statuses, ["booked", "cancelled"]);
    Ok(())
}

#[tokio::test]
async fn what_waits_can_be_withdrawn_and_what_is_settled_cannot() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    system.stop_worker().await?;
    let (kept, _) = book_without_waiting(&patient, &doctor, &slots[0]).await?;
    let (withdrawn, _) = book_without_waiting(&patient, &doctor, &slots[1]).await?;
    assert_eq!(patient.get(&withdrawn).await?.expect(200)?["status"], "accepted");

    let stranger = system.api().new_patient().await?;
    let foreign = stranger.send(stranger.request(Method::DELETE, &withdrawn)).await?;
    assert_eq!(foreign.problem(404)?, "not_found");
    let accepted = patient.send(patient.request(Method::DELETE, &withdrawn)).await?;
    accepted.expect(202)?;

    system.start_worker().await?;
    assert_eq!(settled(&system, &patient, &withdrawn).await?["status"], "withdrawn");
    assert_eq!(settled(&system, &patient, &kept).await?["status"], "applied");
    assert!(patient.free_slots(id(&doctor)?).await?.contains(&slots[1]));

    let late = patient.request(Method::DELETE, &kept).header("prefer", "wait=20");
    assert_eq!(patient.send(late).await?.problem(409)?, "already_settled");
    let (report, code) = system.ledger().await?;
    assert_eq!(code, 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn withdrawing_again_with_the_same_key_is_the_same_request() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    system.stop_worker().await?;
    let book = || async {
        let body = json!({ "practitioner_id": id(&doctor)?, "start": slots[0] });
        let request = patient.request(Method::POST, "/v1/appointments");
        let answer = patient.send(request.header("idempotency-key", "b").json(&body)).await?;
        let location = answer.header("location").context("it has a place")?.to_owned();
        answer.expect(202)?;
        anyhow::Ok(location)
    };
    let booking = book().await?;
    let withdraw = || async {
        let request = patient.request(Method::DELETE, &booking).header("idempotency-key", "w");
        let answer = patient.send(request).await?;
        let location = answer.header("location").context("it has a place")?.to_owned();
        answer.expect(202)?;
        anyhow::Ok(location)
    };
    let first = withdraw().await?;
    // The target's last message is another one from now on.
    assert_eq!(book().await?, booking);
    assert_eq!(withdraw().await?, first);

    system.start_worker().await?;
    assert_eq!(settled(&system, &patient, &booking).await?["status"], "withdrawn");
    assert_eq!(settled(&system, &patient, &first).await?["status"], "applied");
    Ok(())
}

#[tokio::test]
async fn a_doctor_whose_account_is_disabled_is_not_booked() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let disable = "UPDATE users SET status = 'disabled' WHERE id = $1";
    let account: uuid::Uuid = id(&doctor)?.parse()?;
    system.database().await?.execute(disable, &[&account]).await?;
    let refused = patient.book(id(&doctor)?, &slots[0]).await?;
    assert_eq!(refused.problem(404)?, "unknown_practitioner");
    Ok(())
}

#[tokio::test]
async fn bookings_are_accepted_without_worker_and_database_and_settle_after() -> anyhow::Result<()>
{
    let mut system = System::start_with_own_postgres().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    system.stop_worker().await?;
    let (first, _) = book_without_waiting(&patient, &doctor, &slots[0]).await?;
    system.stop_postgres().await?;
    let (second, _) = book_without_waiting(&patient, &doctor, &slots[1]).await?;
    let unknown = patient.get(&second).await?.expect(200)?;
    assert_eq!(unknown["status"], "accepted");
    // What has ended has no message for ever: without the inbox nobody knows.
    let nobodys = format!("/v1/requests/{}", uuid::Uuid::new_v4());
    assert_eq!(patient.get(&nobodys).await?.problem(503)?, "unavailable");
    let ready = system.api().get("/readyz").await?.expect(200)?;
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["missing"][0]["what"], "postgresql");

    system.start_postgres().await?;
    system.start_worker().await?;
    for location in [first, second] {
        assert_eq!(settled(&system, &patient, &location).await?["status"], "applied");
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_of_the_database_under_the_worker_settles_after() -> anyhow::Result<()> {
    let mut system = System::start_with_own_postgres().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    system.stop_postgres().await?;
    let mut locations = Vec::new();
    for slot in &slots[..5] {
        locations.push(book_without_waiting(&patient, &doctor, slot).await?.0);
    }
    let held =
        || async { Ok(system.worker_metrics().await?.contains("mediconnect_outage_holds_total{")) };
    system.wait_until("the worker holds its work", held).await?;
    system.start_postgres().await?;
    for location in locations {
        assert_eq!(settled(&system, &patient, &location).await?["status"], "applied");
    }
    let (report, code) = system.ledger().await?;
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["dead_letters"]["open"].as_i64().unwrap_or(0), 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn without_nats_nothing_is_accepted() -> anyhow::Result<()> {
    let mut system = System::start_with(&[("MC_NATS__PUBLISH_DEADLINE_MS", "500")]).await?;
    let (doctor, patient, slots) = scene(&system).await?;
    system.nats.kill().await?;
    let refused = patient.book(id(&doctor)?, &slots[0]).await?;
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.problem(503)?, "unavailable");
    assert_eq!(system.api().get("/readyz").await?.status, 503);
    system.nats.restart().await?;
    let back = || async { Ok(system.api().get("/readyz").await?.status == 200) };
    system.wait_until("api is ready again", back).await?;
    patient.book(id(&doctor)?, &slots[1]).await?.expect(201)?;
    Ok(())
}

#[tokio::test]
async fn starts_that_cannot_be_booked_are_outcomes() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let week = json!({
        "time_zone": "America/New_York",
        "slot_minutes": 30,
        "hours": [{ "day": "sun", "start": "01:00", "end": "05:00" }],
    });
    let path = format!("/v1/doctors/{}/availability", id(&doctor)?);
    let request = doctor.request(Method::PUT, &path).header("prefer", "wait=20").json(&week);
    doctor.send(request).await?.expect(200)?;

    let refused = [
        ("2020-01-05T06:00:00Z", 422, "start_in_past"),
        ("2030-03-09T06:00:00Z", 422, "outside_hours"),
        ("2030-03-17T06:10:00Z", 422, "off_grid"),
        ("2030-03-10T02:30:00[America/New_York]", 422, "start_in_gap"),
        ("2030-11-03T01:30:00[America/New_York]", 422, "start_ambiguous"),
    ];
    for (start, status, problem) in refused {
        let answer = patient.book(id(&doctor)?, start).await?;
        assert_eq!(answer.problem(status)?, problem, "{start}");
    }
    let nobody = patient.book(&uuid::Uuid::new_v4().to_string(), &slots[0]).await?;
    assert_eq!(nobody.problem(404)?, "unknown_practitioner");
    let admin = system.api().admin().await?;
    let hidden = system.api().new_unapproved_doctor(&admin).await?;
    let unapproved = patient.book(id(&hidden)?, &slots[0]).await?;
    assert_eq!(unapproved.problem(404)?, "unknown_practitioner");
    Ok(())
}

#[tokio::test]
async fn a_session_ends_within_seconds_of_signing_out() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let refresh = json!({ "refresh_token": patient.refresh_token });
    let renewed = patient.post("/v1/auth/refresh", refresh.clone()).await?.expect(200)?;
    let renewed = patient.signed_in(renewed)?;
    let refresh = json!({ "refresh_token": renewed.refresh_token });
    renewed.post("/v1/auth/logout", refresh.clone()).await?.expect_empty(204)?;
    let out = || async { Ok(renewed.get("/v1/me").await?.status == 401) };
    system.wait_until("the access token is refused", out).await?;
    assert_eq!(renewed.post("/v1/auth/refresh", refresh).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_family() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__REFRESH_TOKEN_S", "86400")]).await?;
    let patient = system.api().new_patient().await?;
    let stolen = json!({ "refresh_token": patient.refresh_token });
    let first = patient.post("/v1/auth/refresh", stolen.clone()).await?.expect(200)?;
    let second = json!({ "refresh_token": first["refresh_token"] });
    let second = patient.post("/v1/auth/refresh", second).await?.expect(200)?;
    // The grandparent of the newest token: nobody honest sends it any more.
    assert_eq!(patient.post("/v1/auth/refresh", stolen).await?.status, 401);
    let newest = json!({ "refresh_token": second["refresh_token"] });
    assert_eq!(patient.post("/v1/auth/refresh", newest).await?.status, 401);
    Ok(())
}
