//! The life of a visit beyond booking it, through the public API, on real processes.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Insurer, System};

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

fn text<'a>(body: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    body[field].as_str().with_context(|| format!("no {field} in {body}"))
}

/// A doctor, a patient, and the doctor's free slots.
async fn scene(system: &System) -> anyhow::Result<(Api, Api, Vec<String>)> {
    let api = system.api();
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    Ok((doctor, patient, slots))
}

/// Asks for a change of what has that version, and waits for the outcome.
async fn change(
    person: &Api,
    method: Method,
    path: &str,
    version: i64,
    body: Value,
) -> anyhow::Result<Answer> {
    let request = person.request(method, path).header("prefer", "wait=20");
    person.send(request.header("if-match", format!("\"v{version}\"")).json(&body)).await
}

async fn post(person: &Api, path: &str, version: i64, body: Value) -> anyhow::Result<Answer> {
    change(person, Method::POST, path, version, body).await
}

async fn hold(person: &Api, doctor: &Api, start: &str) -> anyhow::Result<Answer> {
    let body = json!({ "practitioner_id": id(doctor)?, "start": start });
    person.post_and_wait("/v1/holds", body).await
}

fn visit_path(visit: &Value) -> anyhow::Result<String> {
    Ok(format!("/v1/appointments/{}", text(visit, "id")?))
}

/// A slot that begins in an hour or two: too near to be called off.
async fn near_slot(person: &Api, doctor: &Api) -> anyhow::Result<String> {
    let now: Timestamp = domain::Clock::now(&domain::SystemClock);
    let (from, to) = (now + SignedDuration::from_mins(10), now + SignedDuration::from_hours(20));
    let doctor = id(doctor)?;
    let path = format!("/v1/slots?practitioner_id={doctor}&from={from}&to={to}&limit=10");
    let body = person.get(&path).await?.expect(200)?;
    Ok(text(&body["items"][0], "start")?.to_owned())
}

#[tokio::test]
async fn a_hold_is_confirmed_or_given_back() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let other = system.api().new_patient().await?;
    let held = hold(&patient, &doctor, &slots[0]).await?;
    ensure!(held.header("etag") == Some("\"v1\""), "{}", held.text);
    let held = held.expect(201)?;
    ensure!(held["status"] == "pending" && held["expires_at"].is_string(), "{held}");
    ensure!(hold(&other, &doctor, &slots[0]).await?.problem(409)? == "slot_taken");
    ensure!(!other.free_slots(id(&doctor)?).await?.contains(&slots[0]));

    let path = format!("/v1/holds/{}", text(&held, "id")?);
    let confirm = format!("{path}/confirm");
    let unseen = patient.post(&confirm, json!({})).await?;
    ensure!(unseen.problem(428)? == "precondition_required");
    ensure!(post(&other, &confirm, 1, json!({})).await?.problem(404)? == "unknown_appointment");
    let booked = post(&patient, &confirm, 1, json!({})).await?.expect(200)?;
    ensure!(booked["status"] == "booked" && booked["id"] == held["id"], "{booked}");
    let late = change(&patient, Method::DELETE, &path, 2, Value::Null).await?;
    ensure!(late.problem(409)? == "status_conflict");

    let held = hold(&patient, &doctor, &slots[1]).await?.expect(201)?;
    let path = format!("/v1/holds/{}", text(&held, "id")?);
    let released = change(&patient, Method::DELETE, &path, 1, Value::Null).await?.expect(200)?;
    ensure!(released["status"] == "cancelled", "{released}");
    ensure!(released["cancelation_reason"] == "hold-released", "{released}");
    hold(&other, &doctor, &slots[1]).await?.expect(201)?;
    for slot in &slots[2..5] {
        hold(&patient, &doctor, slot).await?.expect(201)?;
    }
    ensure!(hold(&patient, &doctor, &slots[5]).await?.problem(409)? == "too_many_holds");
    Ok(())
}

#[tokio::test]
async fn a_hold_that_expires_while_nobody_works_blocks_nobody() -> anyhow::Result<()> {
    let mut system = System::start_with(&[("MC_BOOKING__HOLD_S", "1")]).await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let other = system.api().new_patient().await?;
    let held = hold(&patient, &doctor, &slots[0]).await?.expect(201)?;
    system.stop_worker().await?;
    // The search knows by itself; nothing has cleared it up.
    let doctor_id = id(&doctor)?.to_owned();
    let is_free = || async { Ok(other.free_slots(&doctor_id).await?.contains(&slots[0])) };
    system.wait_until("the time is offered again", is_free).await?;
    ensure!(patient.get(&visit_path(&held)?).await?.expect(200)?["status"] == "pending");
    system.start_worker().await?;
    let booked = other.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    ensure!(booked["status"] == "booked");
    let seen = patient.get(&visit_path(&held)?).await?.expect(200)?;
    ensure!(seen["status"] == "cancelled", "{seen}");
    ensure!(seen["cancelation_reason"] == "hold-expired", "{seen}");
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "id")?);
    ensure!(post(&patient, &confirm, 1, json!({})).await?.problem(409)? == "hold_expired");
    Ok(())
}

#[tokio::test]
async fn a_visit_is_moved_in_one_step_and_its_history_tells() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let other = system.api().new_patient().await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    other.book(id(&doctor)?, &slots[1]).await?.expect(201)?;
    let path = visit_path(&booked)?;
    let to = |slot: &str| json!({ "start": slot });
    let reschedule = format!("{path}/reschedule");
    ensure!(post(&patient, &reschedule, 1, to(&slots[1])).await?.problem(409)? == "slot_taken");
    ensure!(patient.get(&path).await?.expect(200)?["start"] == slots[0]);
    let strange = post(&other, &reschedule, 1, to(&slots[2])).await?;
    ensure!(strange.problem(404)? == "unknown_appointment");
    let moved = post(&patient, &reschedule, 1, to(&slots[2])).await?;
    ensure!(moved.header("etag") == Some("\"v2\""), "{}", moved.text);
    let moved = moved.expect(200)?;
    ensure!(moved["id"] == booked["id"] && moved["start"] == slots[2], "{moved}");
    ensure!(
        post(&patient, &reschedule, 1, to(&slots[3])).await?.problem(412)? == "version_mismatch"
    );
    ensure!(other.free_slots(id(&doctor)?).await?.contains(&slots[0]));

    // To another doctor, whose visit it is from then on.
    let colleague = system.api().new_doctor().await?;
    let elsewhere = json!({ "start": slots[2], "practitioner_id": id(&colleague)? });
    ensure!(post(&doctor, &reschedule, 2, elsewhere.clone()).await?.problem(403)? == "not_allowed");
    post(&patient, &reschedule, 2, elsewhere).await?.expect(200)?;
    ensure!(doctor.get(&path).await?.problem(404)? == "unknown_appointment");

    let history = patient.get(&format!("{path}/history")).await?.expect(200)?;
    let items = history["items"].as_array().context("a list")?;
    let starts: Vec<&Value> = items.iter().map(|item| &item["start"]).collect();
    ensure!(starts == [&slots[0], &slots[2], &slots[2]], "{history}");
    ensure!(items[1]["practitioner_id"] == id(&doctor)?, "{history}");
    ensure!(items[2]["practitioner_id"] == id(&colleague)?, "{history}");
    ensure!(other.get(&format!("{path}/history")).await?.status == 404);
    Ok(())
}

#[tokio::test]
async fn too_late_is_too_late_unless_an_administrator_says_why() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let (doctor, patient, slots) = scene(&system).await?;
    let admin = system.api().admin().await?;
    let near = near_slot(&patient, &doctor).await?;
    let booked = patient.book(id(&doctor)?, &near).await?.expect(201)?;
    let path = visit_path(&booked)?;
    let cancel = format!("{path}/cancel");
    let why = json!({ "reason": "oth-weath" });
    let moved = json!({ "start": slots[0] });
    let reschedule = format!("{path}/reschedule");
    for person in [&patient, &admin] {
        ensure!(post(person, &cancel, 1, why.clone()).await?.problem(409)? == "past_cut_off");
        let late = post(person, &reschedule, 1, moved.clone()).await?;
        ensure!(late.problem(409)? == "past_cut_off");
    }
    let overriding = json!({ "reason": "oth-weath", "override": true, "override_reason": "snow" });
    ensure!(post(&patient, &cancel, 1, overriding.clone()).await?.problem(403)? == "forbidden");
    for wrong in [
        json!({ "reason": "oth-weath", "override": true }),
        json!({ "reason": "oth-weath", "override_reason": "snow" }),
        json!({ "reason": "hold-expired" }),
        json!({ "reason": "because" }),
    ] {
        let refused = post(&admin, &cancel, 1, wrong.clone()).await?;
        ensure!(refused.problem(422)? == "invalid_body", "{wrong}");
    }
    let cancelled = post(&admin, &cancel, 1, overriding).await?;
    let correlation_id = cancelled.header("x-correlation-id").context("an id")?.to_owned();
    ensure!(cancelled.expect(200)?["cancelation_reason"] == "oth-weath");
    let query = format!("/v1/audit?correlation_id={correlation_id}");
    let is_recorded = || async {
        Ok(admin.get(&query).await?.expect(200)?["items"]
            .as_array()
            .is_some_and(|it| !it.is_empty()))
    };
    system.wait_until("the override is recorded", is_recorded).await?;
    let row = &admin.get(&query).await?.expect(200)?["items"][0];
    ensure!(row["operation"] == "appointment.cancelled", "{row}");
    ensure!(row["stated_reason"] == "snow" && row["role"] == "admin", "{row}");

    // Doctors call their own visits off at any time.
    let booked = patient.book(id(&doctor)?, &near).await?.expect(201)?;
    let cancel = format!("{}/cancel", visit_path(&booked)?);
    post(&doctor, &cancel, 1, json!({ "reason": "prov-pers" })).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_visit_takes_its_course_and_wrong_statuses_are_taken_back() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let path = visit_path(&booked)?;
    let (status, undo) = (format!("{path}/status"), format!("{path}/undo"));
    let is = |status: &str| json!({ "status": status });
    ensure!(post(&patient, &status, 1, is("arrived")).await?.problem(403)? == "forbidden");
    ensure!(post(&doctor, &status, 1, is("cancelled")).await?.problem(422)? == "invalid_body");
    ensure!(post(&doctor, &status, 1, is("noshow")).await?.problem(409)? == "not_begun");
    ensure!(post(&doctor, &status, 1, is("fulfilled")).await?.problem(409)? == "status_conflict");
    post(&doctor, &status, 1, is("arrived")).await?.expect(200)?;
    let checked_in = post(&patient, &status, 2, is("checked-in")).await?.expect(200)?;
    ensure!(checked_in["status"] == "checked-in", "{checked_in}");
    ensure!(post(&patient, &undo, 3, json!({})).await?.problem(403)? == "forbidden");
    ensure!(post(&doctor, &undo, 3, json!({})).await?.expect(200)?["status"] == "arrived");
    ensure!(post(&doctor, &undo, 4, json!({})).await?.expect(200)?["status"] == "booked");
    ensure!(post(&doctor, &undo, 5, json!({})).await?.problem(409)? == "nothing_to_undo");

    // Called off, taken by somebody else, and so not to be had again.
    let cancel = format!("{path}/cancel");
    post(&patient, &cancel, 5, json!({ "reason": "pat" })).await?.expect(200)?;
    let other = system.api().new_patient().await?;
    let taken = other.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    ensure!(post(&doctor, &undo, 6, json!({})).await?.problem(409)? == "slot_taken");
    let cancel = format!("{}/cancel", visit_path(&taken)?);
    post(&other, &cancel, 1, json!({ "reason": "pat" })).await?.expect(200)?;
    ensure!(post(&doctor, &undo, 6, json!({})).await?.expect(200)?["status"] == "booked");

    let history = doctor.get(&format!("{path}/history")).await?.expect(200)?;
    let items = history["items"].as_array().context("a list")?;
    let undone: Vec<bool> = items.iter().map(|item| item["is_undo"] == true).collect();
    ensure!(undone == [false, false, false, true, true, false, true], "{history}");
    Ok(())
}

#[tokio::test]
async fn a_series_is_booked_whole_or_not_at_all() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let other = system.api().new_patient().await?;
    let week = SignedDuration::from_hours(7 * 24);
    let third = slots[0].parse::<Timestamp>()? + week * 2;
    other.book(id(&doctor)?, &third.to_string()).await?.expect(201)?;
    let series = |start: &str, count: u8| {
        let first = json!({ "practitioner_id": doctor.id, "start": start });
        json!({ "first": first, "count": count })
    };
    let refused = patient.post_and_wait("/v1/series", series(&slots[0], 4)).await?;
    ensure!(refused.problem(409)? == "slot_taken");
    ensure!(refused.body["times"] == json!([third.to_string()]), "{}", refused.text);
    ensure!(!refused.text.contains(id(&other)?));
    let none = patient.get("/v1/appointments").await?.expect(200)?;
    ensure!(none["items"] == json!([]), "{none}");
    let endless = patient.post_and_wait("/v1/series", series(&slots[1], 53)).await?;
    ensure!(endless.problem(422)? == "invalid_series");

    let booked = patient.post_and_wait("/v1/series", series(&slots[1], 4)).await?;
    let place = booked.header("location").context("a place")?.to_owned();
    let booked = booked.expect(201)?;
    ensure!(booked["appointments"].as_array().is_some_and(|visits| visits.len() == 4), "{booked}");
    ensure!(patient.get(&place).await?.expect(200)? == booked);
    ensure!(doctor.get(&place).await?.expect(200)? == booked);
    ensure!(other.get(&place).await?.problem(404)? == "unknown_series");
    let cancel = format!("{place}/cancel");
    let why = json!({ "reason": "pat-mv" });
    ensure!(other.post_and_wait(&cancel, why.clone()).await?.problem(404)? == "unknown_series");
    let ended = patient.post_and_wait(&cancel, why.clone()).await?.expect(200)?;
    ensure!(ended["appointments"].as_array().is_some_and(|visits| visits.len() == 4), "{ended}");
    ensure!(ended["appointments"][3]["cancelation_reason"] == "pat-mv", "{ended}");
    ensure!(patient.post_and_wait(&cancel, why).await?.problem(409)? == "not_cancellable");
    Ok(())
}

#[tokio::test]
async fn notes_are_for_those_who_treat_and_for_the_patient() -> anyhow::Result<()> {
    const SECRET: &str = "left knee, Tuesday's fall";
    let mut system = System::start().await?;
    system.start_audit()?;
    let (doctor, patient, slots) = scene(&system).await?;
    let api = system.api();
    let (colleague, other, admin) =
        (api.new_doctor().await?, api.new_patient().await?, api.admin().await?);
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let notes = format!("{}/notes", visit_path(&booked)?);
    let says = |text: &str| json!({ "text": text });
    for stranger in [&patient, &admin] {
        ensure!(stranger.post_and_wait(&notes, says("x")).await?.problem(403)? == "forbidden");
    }
    let strange = colleague.post_and_wait(&notes, says("x")).await?;
    ensure!(strange.problem(404)? == "unknown_appointment");
    ensure!(doctor.post_and_wait(&notes, says(" ")).await?.problem(422)? == "invalid_body");
    let written = doctor.post_and_wait(&notes, says("first")).await?;
    let place = written.header("location").context("a place")?.to_owned();
    ensure!(written.header("etag") == Some("\"v1\"") && written.status == 201, "{}", written.text);
    let revised = change(&doctor, Method::PUT, &place, 1, says(SECRET)).await?;
    ensure!(revised.header("etag") == Some("\"v2\""), "{}", revised.text);
    let stale = change(&doctor, Method::PUT, &place, 1, says("y")).await?;
    ensure!(stale.problem(412)? == "version_mismatch");

    let versions = format!("{place}/versions");
    for reader in [&doctor, &patient, &admin] {
        let read = reader.get(&place).await?;
        ensure!(read.header("etag") == Some("\"v2\""), "{}", read.text);
        ensure!(read.expect(200)?["text"] == SECRET);
        let list = reader.get(&notes).await?.expect(200)?;
        ensure!(list["items"][0]["text"] == SECRET && list["items"][1].is_null(), "{list}");
        let all = reader.get(&versions).await?.expect(200)?;
        ensure!(all["items"][0]["text"] == "first" && all["items"][1]["version"] == 2, "{all}");
    }
    for stranger in [&other, &colleague] {
        ensure!(stranger.get(&place).await?.problem(404)? == "unknown_note");
        ensure!(stranger.get(&versions).await?.problem(404)? == "unknown_note");
        ensure!(stranger.get(&notes).await?.problem(404)? == "unknown_appointment");
    }

    // In the colleague's care, and no longer.
    let relations = format!("/v1/patients/{}/care-relations", id(&patient)?);
    let care = json!({ "practitioner_id": id(&colleague)? });
    ensure!(doctor.post_and_wait(&relations, care.clone()).await?.problem(403)? == "forbidden");
    let assigned = admin.post_and_wait(&relations, care.clone()).await?.expect(201)?;
    ensure!(admin.post_and_wait(&relations, care).await?.problem(409)? == "already_assigned");
    ensure!(colleague.get(&place).await?.expect(200)?["text"] == SECRET);
    let revised = change(&colleague, Method::PUT, &place, 2, says("z")).await?;
    ensure!(revised.problem(404)? == "unknown_note", "only the author revises");
    ensure!(patient.get(&relations).await?.expect(200)?["items"][0]["id"] == assigned["id"]);
    let end = format!("/v1/care-relations/{}", text(&assigned, "id")?);
    let ended = admin.request(Method::DELETE, &end).header("prefer", "wait=20");
    ensure!(admin.send(ended).await?.expect(200)?["until"].is_string());
    ensure!(colleague.get(&place).await?.problem(404)? == "unknown_note");

    // Who wrote and who read is on record, and what it says is in no log.
    let query = format!("/v1/audit?limit=200&patient={}", id(&patient)?);
    let kinds = || async {
        let body = admin.get(&query).await?.expect(200)?;
        let rows = body["items"].as_array().cloned().unwrap_or_default();
        let operation = |row: &Value| row["operation"].as_str().unwrap_or_default().to_owned();
        anyhow::Ok(rows.iter().map(operation).collect::<Vec<_>>())
    };
    let wanted =
        ["note.written", "GET /v1/notes/{id}", "care-relation.assigned", "care-relation.ended"];
    let is_recorded = || async {
        let kinds = kinds().await?;
        Ok(wanted.iter().all(|it| kinds.iter().any(|kind| kind == it)))
    };
    system.wait_until("notes and care are recorded", is_recorded).await?;
    for log in ["api", "worker", "audit"] {
        ensure!(!system.log(log).contains("left knee"), "the log of {log} quotes a note");
    }
    Ok(())
}

/// How a request ended, also when its outcome came too late to be waited for.
async fn end(system: &System, person: &Api, answer: Answer) -> anyhow::Result<Answer> {
    if answer.status != 202 {
        return Ok(answer);
    }
    let place = answer.header("location").context("a place")?.to_owned();
    let has_ended = || async { Ok(person.get(&place).await?.expect(200)?["status"] != "accepted") };
    system.wait_until("the request ends", has_ended).await?;
    let body = person.get(&place).await?.expect(200)?;
    let status = if body["status"] == "applied" { 200 } else { 409 };
    Ok(Answer { status, body: body["problem"].clone(), ..answer })
}

#[tokio::test]
async fn of_a_thousand_racers_for_one_slot_exactly_one_wins() -> anyhow::Result<()> {
    const PEOPLE: usize = 25;
    const RACERS: usize = 1_000;
    let generous = [("MC_API__CALLER_BURST", "2000"), ("MC_API__ANONYMOUS_BURST", "2000")];
    let system = System::start_with(&generous).await?;
    let (doctor, first, slots) = scene(&system).await?;
    let mut people = vec![first];
    while people.len() < PEOPLE {
        people.push(system.api().new_patient().await?);
    }
    // Everybody has a visit that could be moved there.
    let mut visits = Vec::new();
    for (person, slot) in people.iter().zip(&slots[1..]) {
        visits.push(person.book(id(&doctor)?, slot).await?.expect(201)?);
    }
    let booking = json!({ "practitioner_id": id(&doctor)?, "start": slots[0] });
    let races = (0..RACERS).map(|number| {
        let (person, visit) = (&people[number % PEOPLE], &visits[number % PEOPLE]);
        let (booking, start) = (booking.clone(), &slots[0]);
        let system = &system;
        async move {
            // By person, so that each races in every way.
            let answer = match (number / PEOPLE) % 4 {
                0 => person.post_and_wait("/v1/appointments", booking).await?,
                1 => person.post_and_wait("/v1/holds", booking).await?,
                2 => {
                    let path = format!("{}/reschedule", visit_path(visit)?);
                    post(person, &path, 1, json!({ "start": start })).await?
                }
                _ => {
                    let series = json!({ "first": booking, "count": 2 });
                    person.post_and_wait("/v1/series", series).await?
                }
            };
            end(system, person, answer).await
        }
    });
    let answers = futures::future::join_all(races).await;
    let (mut won, mut lost) = (0, 0);
    for answer in answers {
        let answer = answer?;
        match answer.status {
            200 | 201 => won += 1,
            // A visit that was moved there is no longer what its patient saw.
            409 | 412 => lost += 1,
            other => anyhow::bail!("{other}: {}", answer.text),
        }
    }
    ensure!((won, lost) == (1, RACERS - 1), "{won} won, {lost} lost");

    let database = system.database().await?;
    let there = "SELECT count(*) FROM appointments
                 WHERE lower(during) = $1 AND practitioner_id = $2::text::uuid
                   AND status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')";
    let slot: Timestamp = slots[0].parse()?;
    let count: i64 = database.query_one(there, &[&slot, &id(&doctor)?]).await?.get(0);
    ensure!(count == 1, "{count} visits in one slot");
    let (report, code) = system.ledger().await?;
    ensure!(code == 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_visit_on_another_day_is_checked_for_that_day() -> anyhow::Result<()> {
    const PAYER: &str = "00042";
    let insurer = Insurer::start().await?;
    let url = insurer.url();
    let settings = [
        ("MC_ELIGIBILITY__INSURER_URL", url.as_str()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true"),
        ("MC_ELIGIBILITY__POLL_MS", "50"),
    ];
    let mut system = System::start_with(&settings).await?;
    system.start_eligibility().await?;
    let (doctor, patient, slots) = scene(&system).await?;
    let coverages = format!("/v1/patients/{}/coverages", id(&patient)?);
    let insured = json!({ "payer": PAYER, "subscriber_id": "M-1-ACTIVE" });
    patient.post(&coverages, insured).await?.expect(201)?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = text(&booked, "id")?.to_owned();
    let day = |start: &str| start.get(..10).map(str::to_owned).unwrap_or_default();
    let database = system.database().await?;
    let is_checked_for = async |day: &str| -> anyhow::Result<bool> {
        let check = "SELECT count(*) FROM eligibility_checks WHERE status = 'active'
                     AND appointment_id = $1::text::uuid AND service_date = $2::text::date";
        Ok(database.query_one(check, &[&visit, &day]).await?.get::<_, i64>(0) == 1)
    };
    let first = day(&slots[0]);
    system.wait_until("the visit is checked", || is_checked_for(&first)).await?;
    let later = slots.iter().find(|slot| day(slot) != first).context("another day")?;
    let reschedule = format!("{}/reschedule", visit_path(&booked)?);
    post(&patient, &reschedule, 1, json!({ "start": later })).await?.expect(200)?;
    let second = day(later);
    system.wait_until("it is checked for the other day", || is_checked_for(&second)).await?;
    Ok(())
}
