//! What people do about coverages: correct and end them, ask again, decide where the insurer can't
//! say; and what becomes of checks when visits move, are called off, or gather in an outage.

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Insurer, System};

const PAYER: &str = "00042";

async fn start(more: &[(&str, &str)]) -> anyhow::Result<(System, Insurer)> {
    let insurer = Insurer::start().await?;
    let url = insurer.url();
    let mut settings = vec![
        ("MC_ELIGIBILITY__INSURER_URL", url.as_str()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true"),
        ("MC_ELIGIBILITY__POLL_MS", "50"),
        ("MC_ELIGIBILITY__RETRY_FIRST_MS", "100"),
        ("MC_ELIGIBILITY__RETRY_MAX_MS", "500"),
        ("MC_ELIGIBILITY__BREAKER_OPEN_MS", "500"),
    ];
    settings.extend(more);
    let mut system = System::start_with(&settings).await?;
    system.start_eligibility().await?;
    Ok((system, insurer))
}

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().with_context(|| format!("a text, not {value}"))
}

/// The path of a new coverage with that member number.
async fn insure(person: &Api, member: &str) -> anyhow::Result<String> {
    let path = format!("/v1/patients/{}/coverages", id(person)?);
    let body = json!({ "payer": PAYER, "subscriber_id": member });
    let coverage = person.post(&path, body).await?.expect(201)?;
    Ok(format!("/v1/coverages/{}", text(&coverage["id"])?))
}

/// The path of a new visit.
async fn book(patient: &Api, doctor: &Api, slot: usize) -> anyhow::Result<String> {
    let slots = patient.free_slots(id(doctor)?).await?;
    let booked = patient.book(id(doctor)?, &slots[slot]).await?.expect(201)?;
    Ok(format!("/v1/appointments/{}", text(&booked["id"])?))
}

/// Changes a coverage that was read in that version.
async fn change(
    who: &Api,
    method: Method,
    path: &str,
    tag: &str,
    body: Value,
) -> anyhow::Result<Answer> {
    who.send(who.request(method, path).header("if-match", tag).json(&body)).await
}

/// Looks until the thing at this path is eligible as it should be.
async fn wait_for(system: &System, who: &Api, path: &str, status: &str) -> anyhow::Result<Value> {
    let is_so =
        || async { Ok(who.get(path).await?.expect(200)?["eligibility"]["status"] == status) };
    system.wait_until(&format!("it is {status}"), is_so).await?;
    who.get(path).await?.expect(200)
}

async fn number(system: &System, sql: &str) -> anyhow::Result<i64> {
    Ok(system.database().await?.query_one(sql, &[]).await?.get(0))
}

/// Waits until SQL counts so many.
async fn wait_for_number(system: &System, sql: &str, expected: i64) -> anyhow::Result<()> {
    let is_so = || async { Ok(number(system, sql).await? == expected) };
    system.wait_until(&format!("{expected}: {sql}"), is_so).await
}

async fn calls(insurer: &Insurer, member: &str) -> anyhow::Result<u64> {
    let calls = insurer.calls_of(&PAYER.parse()?).await?;
    Ok(calls.members.get(member).copied().unwrap_or_default())
}

async fn work_list(admin: &Api) -> anyhow::Result<Vec<Value>> {
    let path = "/v1/eligibility-checks?status=needs_attention,pending_verification";
    let list = admin.get(path).await?.expect(200)?;
    Ok(list["items"].as_array().context("a list")?.clone())
}

#[tokio::test]
async fn a_coverage_that_was_wrong_is_corrected_and_asked_about_anew() -> anyhow::Result<()> {
    let (system, _insurer) = start(&[]).await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let path = insure(&patient, "M-1-AAA75").await?;
    let visit = book(&patient, &doctor, 0).await?;
    wait_for(&system, &patient, &path, "needs_attention").await?;
    wait_for(&system, &patient, &visit, "needs_attention").await?;
    let right = json!({
        "payer": "00007",
        "subscriber_id": "M-1-ACTIVE",
        "relationship": "child",
        "subscriber": { "name": { "given": "Par", "family": "Ent" }, "birth_date": "1960-01-31" },
    });
    let put = |tag: &'static str, body: Value| change(&patient, Method::PUT, &path, tag, body);
    let unconditional = patient.send(patient.request(Method::PUT, &path).json(&right)).await?;
    ensure!(unconditional.problem(428)? == "precondition_required");
    ensure!(put("\"v9\"", right.clone()).await?.problem(412)? == "version_mismatch");
    let mut odd = right.clone();
    odd["relationship"] = json!("self");
    put("\"v1\"", odd).await?.problem(422)?;
    let read = patient.get(&path).await?;
    ensure!(read.header("etag") == Some("\"v1\""), "{:?}", read.header("etag"));
    let corrected = put("\"v1\"", right.clone()).await?;
    ensure!(corrected.header("etag") == Some("\"v2\""));
    let corrected = corrected.expect(200)?;
    ensure!(corrected["relationship"] == "child" && corrected["version"] == 2, "{corrected}");
    // What the insurer said of another number is no answer.
    ensure!(corrected["eligibility"].get("last_known").is_none(), "{corrected}");
    ensure!(put("\"v1\"", right).await?.problem(412)? == "version_mismatch");
    wait_for(&system, &patient, &path, "active").await?;
    wait_for(&system, &patient, &visit, "active").await?;
    let another = insure(&patient, "M-2-ACTIVE").await?;
    let same = json!({ "payer": PAYER, "subscriber_id": "M-2-ACTIVE" });
    ensure!(put("\"v2\"", same).await?.problem(409)? == "coverage_exists");
    let stranger = system.api().new_patient().await?;
    let body = json!({ "payer": PAYER, "subscriber_id": "M-3" });
    change(&stranger, Method::PUT, &another, "\"v1\"", body).await?.problem(404)?;
    Ok(())
}

#[tokio::test]
async fn nobody_asks_about_visits_after_a_coverage_has_ended() -> anyhow::Result<()> {
    let (system, insurer) = start(&[]).await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let path = insure(&patient, "M-1-ACTIVE").await?;
    let visit = book(&patient, &doctor, 100).await?;
    let booked = wait_for(&system, &patient, &visit, "active").await?;
    wait_for(&system, &patient, &path, "active").await?;
    let start: Timestamp = text(&booked["start"])?.parse()?;
    let day_before = (start - SignedDuration::from_hours(24)).strftime("%Y-%m-%d").to_string();
    let end = format!("{path}/end");
    let post = |tag: &'static str, body: Value| change(&patient, Method::POST, &end, tag, body);
    ensure!(post("\"v7\"", json!({})).await?.problem(412)? == "version_mismatch");
    post("\"v1\"", json!({ "last_day": "3000-01-01" })).await?.problem(422)?;
    let ended = post("\"v1\"", json!({ "last_day": day_before })).await?.expect(200)?;
    ensure!(ended["status"] == "active" && ended["period"]["end"] == day_before, "{ended}");
    ensure!(ended["eligibility"]["status"] == "active", "it still covers today: {ended}");
    let seen = patient.get(&visit).await?.expect(200)?;
    ensure!(seen["eligibility"]["status"] == "not_checked", "{seen}");
    // Nor about one that is booked now.
    book(&patient, &doctor, 101).await?;
    let known = calls(&insurer, "M-1-ACTIVE").await?;
    let at_once = post("\"v2\"", json!({})).await?.expect(200)?;
    ensure!(at_once["status"] == "cancelled", "{at_once}");
    wait_for_number(
        &system,
        "SELECT count(*) FROM eligibility_checks WHERE next_at IS NOT NULL",
        0,
    )
    .await?;
    ensure!(calls(&insurer, "M-1-ACTIVE").await? == known, "it was asked after its end");
    ensure!(post("\"v3\"", json!({})).await?.problem(409)? == "coverage_ended");
    // There is room for it again.
    insure(&patient, "M-1-ACTIVE").await?;
    Ok(())
}

#[tokio::test]
async fn a_visit_that_is_called_off_stops_its_checks() -> anyhow::Result<()> {
    let (system, _insurer) = start(&[]).await?;
    let api = system.api();
    let (doctor, patient, admin) =
        (api.new_doctor().await?, api.new_patient().await?, api.admin().await?);
    let visit = book(&patient, &doctor, 100).await?;
    insure(&patient, "M-1-AAA75").await?;
    wait_for(&system, &patient, &visit, "needs_attention").await?;
    let has_visit = |item: &Value| item.get("appointment_id").is_some();
    ensure!(work_list(&admin).await?.iter().any(has_visit));
    let cancel = format!("{visit}/cancel");
    let cancel = patient.request(Method::POST, &cancel).header("if-match", "\"v1\"");
    let cancel = cancel.header("prefer", "wait=20").json(&json!({ "reason": "pat" }));
    patient.send(cancel).await?.expect(200)?;
    let is_off = || async { Ok(!work_list(&admin).await?.iter().any(has_visit)) };
    system.wait_until("it is off the work list", is_off).await?;
    let seen = patient.get(&visit).await?.expect(200)?;
    ensure!(seen["eligibility"]["status"] == "not_checked", "{seen}");
    Ok(())
}

#[tokio::test]
async fn a_visit_that_has_moved_is_asked_about_for_its_new_day() -> anyhow::Result<()> {
    let (system, insurer) = start(&[]).await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    insure(&patient, "M-1-ACTIVE").await?;
    let visit = book(&patient, &doctor, 200).await?;
    let before = wait_for(&system, &patient, &visit, "active").await?;
    // An answer is asked for again 48 hours before the visit.
    let start: Timestamp = text(&before["start"])?.parse()?;
    let expected = (start - SignedDuration::from_hours(48)).to_string();
    ensure!(before["eligibility"]["next_check_at"] == expected, "{before}");
    let known = calls(&insurer, "M-1-ACTIVE").await?;
    let database = system.database().await?;
    let day =
        "SELECT max(service_date)::text FROM eligibility_checks WHERE appointment_id IS NOT NULL";
    let day_before: String = database.query_one(day, &[]).await?.get(0);
    // Nothing says so: it is found.
    let moved = "UPDATE appointments SET version = version + 1,
        occupied = tstzrange(lower(during) + interval '3 days', upper(during) + interval '3 days'),
        during = tstzrange(lower(during) + interval '3 days', upper(during) + interval '3 days')";
    database.execute(moved, &[]).await?;
    let expected = (start + SignedDuration::from_hours(24)).to_string();
    let is_asked = || async {
        let seen = patient.get(&visit).await?.expect(200)?;
        Ok(seen["eligibility"]["next_check_at"] == expected)
    };
    system.wait_until("it is asked about again", is_asked).await?;
    wait_for(&system, &patient, &visit, "active").await?;
    let day_after: String = database.query_one(day, &[]).await?.get(0);
    ensure!(day_after > day_before, "{day_before}, then {day_after}");
    ensure!(calls(&insurer, "M-1-ACTIVE").await? == known + 1);
    Ok(())
}

#[tokio::test]
async fn a_visit_whose_fact_was_lost_is_checked_all_the_same() -> anyhow::Result<()> {
    let (system, _insurer) = start(&[]).await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    insure(&patient, "M-1-ACTIVE").await?;
    let visit = book(&patient, &doctor, 0).await?;
    wait_for(&system, &patient, &visit, "active").await?;
    let lose = "DELETE FROM eligibility_checks WHERE appointment_id IS NOT NULL;
        UPDATE appointments SET created_at = created_at - interval '1 hour'";
    system.database().await?.batch_execute(lose).await?;
    wait_for(&system, &patient, &visit, "active").await?;
    let metrics = system.eligibility_metrics().await?;
    ensure!(metrics.contains("mediconnect_eligibility_visits_overlooked_total 1"), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn the_work_list_says_who_must_act_and_in_which_order() -> anyhow::Result<()> {
    let (system, _insurer) = start(&[("MC_ELIGIBILITY__BREAKER_MIN_CALLS", "100000")]).await?;
    let api = system.api();
    let (doctor, admin) = (api.new_doctor().await?, api.admin().await?);
    let mut visits = Vec::new();
    // Booked in another order than they take place.
    for (slot, member) in [(60, "M-1-AAA75"), (20, "M-2-AAA43"), (40, "M-3-AAA42")] {
        let patient = api.new_patient().await?;
        insure(&patient, member).await?;
        visits.push((slot, book(&patient, &doctor, slot).await?));
    }
    let is_complete = || async { Ok(work_list(&admin).await?.len() == 6) };
    system.wait_until("all of it is on the list", is_complete).await?;
    let list = work_list(&admin).await?;
    let of_visits: Vec<&Value> =
        list.iter().filter(|item| item.get("appointment_id").is_some()).collect();
    ensure!(of_visits.len() == 3 && list[..3].iter().collect::<Vec<_>>() == of_visits, "{list:#?}");
    let starts: Vec<&str> = of_visits.iter().filter_map(|it| it["visit_start"].as_str()).collect();
    ensure!(starts.is_sorted() && starts.len() == 3, "{starts:?}");
    let who: Vec<&Value> = of_visits.iter().map(|item| &item["who_must_act"]).collect();
    ensure!(who == [&json!("administrator"), &Value::Null, &json!("front_desk")], "{who:?}");
    let reasons: Vec<&Value> =
        of_visits.iter().map(|item| &item["eligibility"]["reason"]).collect();
    let expected = ["provider_or_configuration", "payer_down", "patient_data"].map(Value::from);
    ensure!(reasons == expected.iter().collect::<Vec<_>>(), "{reasons:?}");
    ensure!(of_visits[2]["eligibility"]["reason_code"] == "75", "{:#}", of_visits[2]);

    // Pages join without a seam, and say no more of anybody than they must.
    let mut paged = Vec::new();
    let path = "/v1/eligibility-checks?status=needs_attention,pending_verification&limit=4";
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = admin.get(&path).await?;
        for personal in ["M-1", "Pat", "Example", "1980"] {
            ensure!(!answer.text.contains(personal), "the list says {personal}");
        }
        let link = answer.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.and_then(|link| Some(link.split_once('>')?.0.to_owned()));
        paged.extend(answer.expect(200)?["items"].as_array().context("a list")?.clone());
    }
    let ids = |items: &[Value]| items.iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    ensure!(ids(&paged) == ids(&list), "{paged:#?}");
    for query in ["status=fine", "status=", "status=active,,active", "cursor=x"] {
        let refused = admin.get(&format!("/v1/eligibility-checks?{query}")).await?;
        ensure!(refused.status == 400 || refused.status == 422, "{query}: {}", refused.status);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_person_decides_stands_beside_what_the_insurer_says() -> anyhow::Result<()> {
    let (mut system, insurer) = start(&[("MC_API__RECHECK_PAUSE_S", "0")]).await?;
    system.start_audit()?;
    let (patient, admin) = (system.api().new_patient().await?, system.api().admin().await?);
    let path = insure(&patient, "M-1-AAA75").await?;
    let seen = wait_for(&system, &patient, &path, "needs_attention").await?;
    let check = format!("/v1/eligibility-checks/{}", text(&seen["eligibility"]["check_id"])?);
    let post = |who: &Api, what: &str, body: Value| {
        let (who, path) = (who.clone(), format!("{check}/{what}"));
        async move { who.post(&path, body).await }
    };
    let why = json!({ "reason": "spoke to Ms Example at the insurer" });
    post(&patient, "verify-by-phone", why.clone()).await?.problem(403)?;
    for wrong in [json!({}), json!({ "reason": "x" }), json!({ "reason": "a".repeat(201) })] {
        post(&admin, "verify-by-phone", wrong).await?.problem(422)?;
    }
    let decided = post(&admin, "verify-by-phone", why).await?;
    let correlation_id = decided.header("x-correlation-id").context("an id")?.to_owned();
    let decided = decided.expect(200)?;
    let eligibility = &decided["eligibility"];
    ensure!(eligibility["status"] == "active", "{decided}");
    ensure!(eligibility["decision"]["decided_by"] == id(&admin)?, "{decided}");
    ensure!(eligibility["decision"]["reason"] == "spoke to Ms Example at the insurer");
    ensure!(work_list(&admin).await?.is_empty());
    let shown = patient.get(&path).await?;
    ensure!(!shown.text.contains("Ms Example"), "{}", shown.text);
    let shown = shown.expect(200)?;
    ensure!(shown["eligibility"]["status"] == "active", "{shown}");
    ensure!(shown["eligibility"]["decision"]["kind"] == "verified_by_phone", "{shown}");
    let audit = format!("/v1/audit?correlation_id={correlation_id}");
    let recorded = || async {
        let rows = admin.get(&audit).await?.expect(200)?;
        Ok(rows["items"][0]["stated_reason"] == "spoke to Ms Example at the insurer"
            && rows["items"][0]["patient_id"] == id(&patient)?)
    };
    system.wait_until("it is recorded", recorded).await?;
    ensure!(!system.log("api").contains("Ms Example"), "the log says why");

    // The insurer answers after all, and says otherwise.
    let turned = "UPDATE coverages SET subscriber_id = 'M-1-INACTIVE'";
    system.database().await?.execute(turned, &[]).await?;
    post(&patient, "recheck", json!({})).await?.expect(202)?;
    let seen = wait_for(&system, &patient, &path, "needs_attention").await?;
    let eligibility = &seen["eligibility"];
    ensure!(eligibility["last_known"]["result"] == "inactive", "{seen}");
    ensure!(eligibility["decision"]["answered_since"] == true, "{seen}");
    let list = work_list(&admin).await?;
    ensure!(list.len() == 1 && list[0]["who_must_act"] == "front_desk", "{list:#?}");

    let pays = json!({ "reason": "the patient pays" });
    let pays = post(&admin, "self-pay", pays).await?.expect(200)?;
    ensure!(pays["eligibility"]["status"] == "self_pay", "{pays}");
    ensure!(pays["eligibility"].get("next_check_at").is_none(), "{pays}");
    ensure!(post(&patient, "recheck", json!({})).await?.problem(409)? == "check_stopped");
    ensure!(work_list(&admin).await?.is_empty());
    let known = calls(&insurer, "M-1-INACTIVE").await?;
    let again = post(&admin, "reopen", json!({ "reason": "a mistake" })).await?.expect(200)?;
    ensure!(again["eligibility"].get("decision").is_none(), "{again}");
    let is_asked = || async { Ok(calls(&insurer, "M-1-INACTIVE").await? == known + 1) };
    system.wait_until("the insurer is asked again", is_asked).await?;
    wait_for(&system, &patient, &path, "inactive").await?;
    Ok(())
}

#[tokio::test]
async fn a_storm_of_clicks_is_one_call() -> anyhow::Result<()> {
    let (system, insurer) = start(&[]).await?;
    let api = system.api();
    let (patient, admin, doctor) =
        (api.new_patient().await?, api.admin().await?, api.new_doctor().await?);
    let path = insure(&patient, "M-1-ACTIVE").await?;
    let seen = wait_for(&system, &patient, &path, "active").await?;
    let check = text(&seen["eligibility"]["check_id"])?;
    let recheck = format!("/v1/eligibility-checks/{check}/recheck");
    let known = calls(&insurer, "M-1-ACTIVE").await?;
    let clicks = (0..40).map(|click| {
        let who = if click % 2 == 0 { &patient } else { &admin };
        who.post(&recheck, json!({}))
    });
    for answer in try_join_all(clicks).await? {
        answer.expect(202)?;
    }
    let is_answered = || async {
        let seen = patient.get(&path).await?.expect(200)?;
        let at = |seen: &Value| seen["eligibility"]["last_known"]["at"].clone();
        let is_idle = "SELECT count(*) FROM eligibility_checks WHERE lease_owner IS NOT NULL
            OR next_at <= now()";
        Ok(!at(&seen).is_null() && number(&system, is_idle).await? == 0)
    };
    system.wait_until("it is answered", is_answered).await?;
    // One more, when all of that is over: it is too soon.
    patient.post(&recheck, json!({})).await?.expect(202)?;
    system.wait_until("it is answered", is_answered).await?;
    ensure!(calls(&insurer, "M-1-ACTIVE").await? == known + 1);
    let stranger = api.new_patient().await?;
    stranger.post(&recheck, json!({})).await?.problem(404)?;
    doctor.post(&recheck, json!({})).await?.problem(403)?;
    Ok(())
}

#[tokio::test]
async fn an_insurer_that_is_back_is_asked_at_our_pace() -> anyhow::Result<()> {
    const CHECKS: usize = 80;
    const PER_SECOND: u64 = 10;
    let pace = PER_SECOND.to_string();
    let settings = [
        ("MC_ELIGIBILITY__CALLS_PER_S", pace.as_str()),
        ("MC_ELIGIBILITY__CALLS_AT_ONCE", "4"),
        ("MC_ELIGIBILITY__BREAKER_MIN_CALLS", "2"),
    ];
    let (system, mut insurer) = start(&settings).await?;
    insurer.stop().await?;
    for patient in 0..CHECKS / 10 {
        let person = system.api().new_patient().await?;
        for coverage in 0..10 {
            insure(&person, &format!("M-{patient}-{coverage}-ACTIVE")).await?;
        }
    }
    let waiting = "SELECT count(*) FROM eligibility_checks WHERE standing = 'pending_verification'";
    wait_for_number(&system, waiting, CHECKS as i64).await?;
    insurer.restart().await?;
    let answered = "SELECT count(*) FROM eligibility_checks WHERE standing = 'active'";
    wait_for_number(&system, answered, CHECKS as i64).await?;
    // Started anew, it has counted what came since, each check once.
    let calls = insurer.calls_of(&PAYER.parse()?).await?;
    ensure!(calls.totals.calls == CHECKS as u64, "{:?}", calls.totals);
    ensure!(calls.totals.max_in_flight <= 4, "{:?}", calls.totals);
    let at: Vec<u64> = calls.arrivals.iter().map(|arrival| arrival.at_ms).collect();
    // Four seconds' worth of calls takes seconds, wherever one begins to count. A stampede would
    // take none; a machine that is slow stretches it, or has the first of them late.
    let worth = 4 * PER_SECOND as usize;
    for (first, later) in at.iter().zip(at.iter().skip(worth)) {
        let took_ms = later - first;
        ensure!(took_ms >= 1_500, "{worth} calls within {took_ms} ms");
    }
    Ok(())
}
