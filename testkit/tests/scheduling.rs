//! Locations, visit types, hours and dates that differ, and the search for slots among them,
//! through the public API, on real processes.

use anyhow::{Context as _, ensure};
use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, System};

const ZONE: &str = "Europe/Berlin";

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

/// A day of the week after next, by number from Monday.
fn day(number: i64) -> Date {
    let now = domain::Clock::now(&domain::SystemClock);
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let monday = today.nth_weekday(2, jiff::civil::Weekday::Monday).unwrap_or(today);
    monday.saturating_add(number.days())
}

/// A time by the clock in Berlin.
fn at(day: Date, hour: i8, minute: i8) -> anyhow::Result<Zoned> {
    Ok(day.at(hour, minute, 0, 0).in_tz(ZONE)?)
}

async fn put(person: &Api, path: &str, body: Value) -> anyhow::Result<Answer> {
    let request = person.request(Method::PUT, path).header("prefer", "wait=20");
    person.send(request.json(&body)).await
}

async fn put_seen(person: &Api, path: &str, tag: &str, body: Value) -> anyhow::Result<Answer> {
    let request = person.request(Method::PUT, path).header("prefer", "wait=20");
    person.send(request.header("if-match", tag).json(&body)).await
}

/// A week in Berlin from nine to eleven on each of these days, at that place.
fn week(days: &[&str], location: Option<&str>) -> Value {
    let hours = days.iter().map(|day| {
        let mut hours = json!({ "day": day, "start": "09:00", "end": "11:00" });
        if let Some(location) = location {
            hours["location_id"] = json!(location);
        }
        hours
    });
    json!({ "time_zone": ZONE, "slot_minutes": 30, "hours": hours.collect::<Vec<_>>() })
}

async fn make(admin: &Api, path: &str, body: Value) -> anyhow::Result<String> {
    let made = admin.post_and_wait(path, body).await?.expect(201)?;
    Ok(made["id"].as_str().context("what is made has an id")?.to_owned())
}

fn service(name: &str, modality: &str) -> Value {
    json!({
        "name": name,
        "modality": modality,
        "duration_minutes": 60,
        "buffer_after_minutes": 30,
        "alignment_minutes": 30,
        "horizon_days": 90,
    })
}

/// What a search finds: with whom, when and what kind of visit.
async fn search(person: &Api, filter: &str) -> anyhow::Result<Vec<(String, String, String)>> {
    let (mut path, mut found) = (path_of(filter)?, Vec::new());
    loop {
        let answer = person.get(&path).await?;
        let link = answer.header("link").map(str::to_owned);
        let body = answer.expect(200)?;
        let text = |slot: &Value, name: &str| slot[name].as_str().unwrap_or_default().to_owned();
        for slot in body["items"].as_array().context("a list")? {
            let kind = text(slot, "service_id");
            found.push((text(slot, "practitioner_id"), text(slot, "start"), kind));
        }
        let Some(link) = link else { return Ok(found) };
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        next.context("the link leads to the next page")?.clone_into(&mut path);
    }
}

fn path_of(filter: &str) -> anyhow::Result<String> {
    let (from, to) = (at(day(0), 0, 0)?.timestamp(), at(day(7), 0, 0)?.timestamp());
    Ok(format!("/v1/slots?from={from}&to={to}{filter}"))
}

#[tokio::test]
async fn locations_and_visit_types_are_made_by_administrators_and_read_by_all() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let (admin, patient) = (system.api().admin().await?, system.api().new_patient().await?);
    let place = json!({ "name": "Downtown", "time_zone": "europe/berlin" });
    let made = admin.post_and_wait("/v1/locations", place.clone()).await?;
    let path = made.header("location").context("it says where it is")?.to_owned();
    let tag = made.header("etag").context("it has a version")?.to_owned();
    let made = made.expect(201)?;
    assert_eq!((&made["time_zone"], &made["active"]), (&json!(ZONE), &json!(true)));
    assert_eq!(patient.get(&path).await?.expect(200)?, made);
    assert_eq!(patient.get("/v1/locations").await?.expect(200)?["items"], json!([made]));

    let closed = json!({ "name": "Downtown", "time_zone": ZONE, "active": false });
    let unseen = put(&admin, &path, closed.clone()).await?;
    assert_eq!(unseen.problem(428)?, "precondition_required");
    let changed = put_seen(&admin, &path, &tag, closed.clone()).await?.expect(200)?;
    assert_eq!((&changed["version"], &changed["active"]), (&json!(2), &json!(false)));
    let stale = put_seen(&admin, &path, &tag, closed.clone()).await?;
    assert_eq!(stale.problem(412)?, "version_mismatch");
    let active = patient.get("/v1/locations?active=true").await?.expect(200)?;
    assert_eq!(active["items"], json!([]));

    let heart = service("Heart", "in-person");
    let made = admin.post_and_wait("/v1/services", heart.clone()).await?;
    let path = made.header("location").context("it says where it is")?.to_owned();
    let tag = made.header("etag").context("it has a version")?.to_owned();
    let made = made.expect(201)?;
    assert_eq!((&made["buffer_before_minutes"], &made["version"]), (&json!(0), &json!(1)));
    assert_eq!(patient.get(&path).await?.expect(200)?, made);
    let video = patient.get("/v1/services?modality=video").await?.expect(200)?;
    assert_eq!(video["items"], json!([]));
    let longer = json!({ "duration_minutes": 90, "name": "Heart", "modality": "in-person",
        "alignment_minutes": 30, "horizon_days": 90 });
    let changed = put_seen(&admin, &path, &tag, longer.clone()).await?.expect(200)?;
    assert_eq!((&changed["version"], &changed["duration_minutes"]), (&json!(2), &json!(90)));
    let stale = put_seen(&admin, &path, &tag, longer).await?;
    assert_eq!(stale.problem(412)?, "version_mismatch");

    for (path, body) in [("/v1/locations", place), ("/v1/services", heart)] {
        assert_eq!(patient.post(path, body).await?.problem(403)?, "forbidden");
    }
    let mars = json!({ "name": "Base", "time_zone": "Mars/Olympus" });
    let refused = admin.post("/v1/locations", mars).await?;
    assert_eq!(refused.problem(422)?, "invalid_body");
    assert_eq!(refused.body["errors"][0]["pointer"], "/time_zone");
    let mut short = service("Short", "video");
    short["duration_minutes"] = json!(1);
    let refused = admin.post("/v1/services", short).await?;
    assert_eq!(refused.problem(422)?, "invalid_body");
    assert_eq!(refused.body["errors"][0]["pointer"], "/duration_minutes");
    let nobody = uuid::Uuid::new_v4();
    assert_eq!(
        patient.get(&format!("/v1/locations/{nobody}")).await?.problem(404)?,
        "unknown_location"
    );
    assert_eq!(
        patient.get(&format!("/v1/services/{nobody}")).await?.problem(404)?,
        "unknown_service"
    );
    Ok(())
}

#[tokio::test]
async fn slots_are_found_by_specialty_place_and_visit_type_earliest_first_and_in_pages()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let admin = system.api().admin().await?;
    let (one, other) = (system.api().new_doctor().await?, system.api().new_doctor().await?);
    let patient = system.api().new_patient().await?;
    let here = make(&admin, "/v1/locations", json!({ "name": "Here", "time_zone": ZONE })).await?;
    let there =
        make(&admin, "/v1/locations", json!({ "name": "There", "time_zone": ZONE })).await?;
    let long = make(&admin, "/v1/services", service("Long", "in-person")).await?;
    let video = make(&admin, "/v1/services", service("Video", "video")).await?;
    for (doctor, days, place) in [(&one, ["mon", "tue"], &here), (&other, ["tue", "wed"], &there)] {
        let path = format!("/v1/doctors/{}/availability", id(doctor)?);
        put(doctor, &path, week(&days, Some(place))).await?.expect(200)?;
    }

    // Standard visits of everybody: four on Monday and Wednesday, eight on Tuesday.
    let all = search(&patient, "").await?;
    assert_eq!(all.len(), 16);
    assert!(all.is_sorted_by_key(|(_, start, _)| start.clone()));
    assert!(all.iter().all(|(.., kind)| kind.is_empty()));
    assert_eq!(search(&patient, "&limit=3").await?, all, "page by page it is the same");
    assert_eq!(search(&patient, "&specialty=general").await?.len(), 16);
    assert!(search(&patient, "&specialty=cardiology").await?.is_empty());
    let at_here = search(&patient, &format!("&location_id={here}")).await?;
    assert_eq!(at_here.len(), 8);
    assert!(at_here.iter().all(|(doctor, ..)| Some(doctor) == one.id.as_ref()));
    assert_eq!(search(&patient, &format!("&practitioner_id={}", id(&one)?)).await?, at_here);

    // An hour fits three times into two.
    let long_ones = search(&patient, &format!("&service_id={long}")).await?;
    assert_eq!(long_ones.len(), 12);
    assert!(long_ones.iter().all(|(.., kind)| *kind == long));
    let by_video = search(&patient, "&modality=video").await?;
    assert_eq!(by_video.len(), 12);
    assert!(by_video.iter().all(|(.., kind)| *kind == video));
    let at_here = format!("&modality=video&location_id={here}");
    assert!(search(&patient, &at_here).await?.is_empty(), "video has no place");
    assert_eq!(search(&patient, "&modality=in-person").await?.len(), 28, "standard ones as well");

    // An hour from nine takes half an hour of the doctor's more.
    let (doctor, start, _) = &long_ones[0];
    let body = json!({ "practitioner_id": doctor, "start": start, "service_id": long });
    let booked = patient.post_and_wait("/v1/appointments", body).await?.expect(201)?;
    assert_eq!((&booked["service_id"], &booked["location_id"]), (&json!(long), &json!(here)));
    let shown = format!("/v1/appointments/{}", booked["id"].as_str().context("an id")?);
    assert_eq!(patient.get(&shown).await?.expect(200)?["location_id"], json!(here));
    assert_eq!(search(&patient, &format!("&service_id={long}")).await?.len(), 9);
    let standard = search(&patient, &format!("&practitioner_id={doctor}")).await?;
    assert_eq!(standard.len(), 5, "half past ten is left of Monday");

    let unknown = json!({ "practitioner_id": doctor, "start": start,
        "service_id": uuid::Uuid::new_v4() });
    let refused = patient.post_and_wait("/v1/appointments", unknown).await?;
    assert_eq!(refused.problem(404)?, "unknown_service");
    let elsewhere = json!({ "practitioner_id": doctor, "start": standard[0].1,
        "location_id": there });
    let refused = patient.post_and_wait("/v1/appointments", elsewhere).await?;
    assert_eq!(refused.problem(422)?, "not_offered");
    for query in ["&modality=letter", "&cursor=x", "&location_id=x", "&service_id=", "&limit=1001"]
    {
        let answer = patient.get(&path_of(query)?).await?;
        assert_eq!(answer.problem(400)?, "invalid_query", "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_doctor_whose_account_is_disabled_offers_no_slots() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    ensure!(!patient.free_slots(id(&doctor)?).await?.is_empty());
    let account: uuid::Uuid = id(&doctor)?.parse()?;
    for (status, is_offered) in [("disabled", false), ("active", true)] {
        let change = "UPDATE users SET status = $2 WHERE id = $1";
        system.database().await?.execute(change, &[&account, &status]).await?;
        assert_eq!(!patient.free_slots(id(&doctor)?).await?.is_empty(), is_offered, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn changed_hours_name_the_visits_that_do_not_fit_beforehand_and_afterwards()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let hours = format!("/v1/doctors/{}/availability", id(&doctor)?);
    put(&doctor, &hours, week(&["mon", "tue"], None)).await?.expect(200)?;
    let start = at(day(1), 10, 30)?.timestamp().to_string();
    let booked = patient.book(id(&doctor)?, &start).await?.expect(201)?;
    let named = json!({ "count": 1, "visits": [{ "id": booked["id"], "start": start,
        "end": booked["end"] }] });

    let monday = week(&["mon"], None);
    let preview = format!("{hours}/preview");
    let shown = doctor.post(&preview, monday.clone()).await?.expect(200)?;
    assert_eq!(shown, named);
    let before = doctor.get(&hours).await?.expect(200)?;
    assert_eq!(before["hours"].as_array().map(Vec::len), Some(2), "it changed nothing");
    let changed = put(&doctor, &hours, monday).await?.expect(200)?;
    assert_eq!(changed["conflicts"], named);
    let shown = format!("/v1/appointments/{}", booked["id"].as_str().context("an id")?);
    assert_eq!(patient.get(&shown).await?.expect(200)?["status"], "booked");

    let dates = format!("{hours}/exceptions");
    let tuesday = format!("{dates}/{}", day(1));
    let open = json!({ "entries": [{ "kind": "open", "start": "10:00", "end": "24:00" }] });
    let fits = json!({ "count": 0, "visits": [] });
    let shown = doctor.post(&format!("{tuesday}/preview"), open.clone()).await?.expect(200)?;
    assert_eq!(shown, fits);
    let changed = put(&doctor, &tuesday, open).await?.expect(200)?;
    assert_eq!((&changed["conflicts"], &changed["date"]), (&fits, &json!(day(1))));
    assert_eq!(changed["entries"][0]["end"], "24:00");
    let last = at(day(1), 23, 30)?.timestamp().to_string();
    let found = search(&patient, &format!("&practitioner_id={}", id(&doctor)?)).await?;
    assert!(found.iter().any(|(_, start, _)| *start == last), "{found:?}");

    let listed = patient.get(&dates).await?.expect(200)?;
    assert_eq!(listed["items"][0]["date"], json!(day(1)));
    let remove = doctor.request(Method::DELETE, &tuesday).header("prefer", "wait=20");
    let removed = doctor.send(remove).await?.expect(200)?;
    assert_eq!((&removed["conflicts"], &removed["entries"]), (&named, &json!([])));
    assert_eq!(patient.get(&dates).await?.expect(200)?["items"], json!([]));

    let other = system.api().new_doctor().await?;
    let closed = json!({ "entries": [{ "kind": "closed" }] });
    for (person, path, body) in [
        (&other, &tuesday, &closed),
        (&patient, &tuesday, &closed),
        (&other, &preview, &week(&["mon"], None)),
        (&patient, &preview, &week(&["mon"], None)),
    ] {
        let method = if path.ends_with("preview") { Method::POST } else { Method::PUT };
        let answer = person.send(person.request(method, path).json(body)).await?;
        assert_eq!(answer.problem(403)?, "forbidden", "{path}");
    }
    let never = put(&doctor, &format!("{dates}/2027-02-30"), closed).await?;
    assert_eq!(never.problem(404)?, "not_found");
    let nothing = put(&doctor, &tuesday, json!({ "entries": [] })).await?;
    assert_eq!(nothing.problem(422)?, "invalid_availability");
    Ok(())
}

#[tokio::test]
async fn who_previews_other_hours_is_recorded_with_the_patients_named() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let (doctor, patient) = (system.api().new_doctor().await?, system.api().new_patient().await?);
    let admin = system.api().admin().await?;
    let slots = patient.free_slots(id(&doctor)?).await?;
    patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let preview = format!("/v1/doctors/{}/availability/preview", id(&doctor)?);
    let nothing = json!({ "time_zone": "Etc/UTC", "slot_minutes": 30, "hours": [] });
    let shown = admin.post(&preview, nothing).await?.expect(200)?;
    assert_eq!(shown["count"], 1);

    let database = system.database().await?;
    let account: uuid::Uuid = id(&patient)?.parse()?;
    let recorded = "SELECT count(*) FROM audit_log WHERE patient_id = $1 AND operation =
        'POST /v1/doctors/{id}/availability/preview'";
    let is_recorded = || async {
        let rows: i64 = database.query_one(recorded, &[&account]).await?.get(0);
        Ok(rows == 1)
    };
    system.wait_until("the preview is recorded", is_recorded).await
}
