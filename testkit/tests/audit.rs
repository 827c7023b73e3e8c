//! Who saw or did what, from the door to the record, on real processes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, ensure};
use contracts::AuditKind;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{ADMIN_EMAIL, Answer, Api, System};
use uuid::Uuid;

const X_CORRELATION_ID: &str = "x-correlation-id";

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

/// The rows that a query of the record finds.
async fn rows(admin: &Api, query: &str) -> anyhow::Result<Vec<Value>> {
    let body = admin.get(&format!("/v1/audit?{query}")).await?.expect(200)?;
    Ok(body["items"].as_array().context("a list")?.clone())
}

/// The rows of a request, once there are some.
async fn rows_of(system: &System, admin: &Api, answer: &Answer) -> anyhow::Result<Vec<Value>> {
    let id = answer.header(X_CORRELATION_ID).context("every answer has one")?;
    let query = format!("correlation_id={id}");
    let recorded = || async { Ok(!rows(admin, &query).await?.is_empty()) };
    system.wait_until("it is recorded", recorded).await?;
    rows(admin, &query).await
}

/// The only row of a request.
async fn row_of(system: &System, admin: &Api, answer: &Answer) -> anyhow::Result<Value> {
    let rows = rows_of(system, admin, answer).await?;
    ensure!(rows.len() == 1, "{rows:#?}");
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// The values of some fields.
fn fields<const N: usize>(row: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| row[name].clone())
}

#[tokio::test]
async fn who_looks_at_a_visit_is_recorded_under_the_requests_own_id() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let (admin, doctor, patient) =
        (api.admin().await?, api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?;
    let visit = booked.body["id"].as_str().context("a visit")?.to_owned();

    // The booking itself is recorded by the fact that follows it.
    let row = row_of(&system, &admin, &booked).await?;
    let names = ["kind", "operation", "action", "user_id", "patient_id", "resource_id"];
    let expected =
        ["fact", "appointment.booked", "C", id(&patient)?, id(&patient)?, &visit].map(Value::from);
    assert_eq!(fields(&row, names), expected);

    let correlation_id = Uuid::new_v4().to_string();
    let path = format!("/v1/appointments/{visit}");
    let request = doctor.request(Method::GET, &path).header(X_CORRELATION_ID, &correlation_id);
    let answer = doctor.send(request).await?;
    answer.clone().expect(200)?;
    let row = row_of(&system, &admin, &answer).await?;
    let names = ["kind", "operation", "action", "user_id", "patient_id", "resource_id"];
    let operation = "GET /v1/appointments/{id}";
    let expected = ["read", operation, "R", id(&doctor)?, id(&patient)?, &visit].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    let names = ["correlation_id", "role", "purpose", "source_address", "resource_kind"];
    let expected =
        [&correlation_id, "doctor", "TREAT", "127.0.0.1", "Appointment"].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    assert_eq!(
        fields(&row, ["outcome", "resource_version", "occurrences"]),
        [0, 1, 1].map(Value::from)
    );
    assert!(row["session_id"].is_string() && row.get("reason").is_none(), "{row:#}");

    let answer = admin.get("/v1/appointments").await?;
    let row = row_of(&system, &admin, &answer).await?;
    let names = ["kind", "user_id", "patient_id", "purpose"];
    let expected = ["search", id(&admin)?, id(&patient)?, "PATADMIN"].map(Value::from);
    assert_eq!(fields(&row, names), expected);

    let answer = patient.get("/v1/me").await?;
    assert_eq!(row_of(&system, &admin, &answer).await?["patient_id"], id(&patient)?);
    let location = format!("/v1/requests/{}", Uuid::new_v4());
    let missing = patient.get(&location).await?;
    assert_eq!(row_of(&system, &admin, &missing).await?["kind"], "denial");
    Ok(())
}

#[tokio::test]
async fn administrators_search_the_record_and_that_is_recorded_too() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let (admin, patient) = (api.admin().await?, api.new_patient().await?);
    for _ in 0..5 {
        patient.get("/v1/me").await?.expect(200)?;
    }
    let of_patient = format!("patient={}", id(&patient)?);
    let recorded = || async { Ok(rows(&admin, &of_patient).await?.len() >= 6) };
    system.wait_until("all of it is recorded", recorded).await?;

    // Newest first, and the registration last; pages join without a seam.
    let filter = format!("{of_patient}&user={}", id(&patient)?);
    let all = rows(&admin, &filter).await?;
    assert_eq!(all.len(), 6);
    assert_eq!(all[5]["kind"], "registration");
    let times: Vec<_> = all.iter().map(|row| row["recorded_at"].as_str()).collect();
    assert!(times.is_sorted_by(|later, earlier| later >= earlier), "{times:?}");
    let mut paged = Vec::new();
    let mut next = Some(format!("/v1/audit?{filter}&limit=2"));
    while let Some(path) = next {
        let answer = admin.get(&path).await?;
        let link = answer.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.and_then(|link| Some(link.split_once('>')?.0.to_owned()));
        paged.extend(answer.expect(200)?["items"].as_array().context("a list")?.clone());
    }
    assert_eq!(paged, all);

    let middle = all[3]["recorded_at"].as_str().context("a time")?;
    assert_eq!(rows(&admin, &format!("{filter}&from={middle}")).await?, all[..4]);
    assert_eq!(rows(&admin, &format!("{filter}&to={middle}")).await?, all[4..]);
    let other = Uuid::new_v4();
    assert_eq!(rows(&admin, &format!("{filter}&correlation_id={other}")).await?, [] as [Value; 0]);

    let search = admin.get(&format!("/v1/audit?{of_patient}")).await?;
    let row = row_of(&system, &admin, &search).await?;
    let names = ["kind", "resource_kind", "user_id", "patient_id"];
    let expected = ["search", "AuditEvent", id(&admin)?, id(&patient)?].map(Value::from);
    assert_eq!(fields(&row, names), expected);

    for wrong in ["patient=x", "user=", "from=now", "cursor=x", "limit=0", "patients=x"] {
        admin.get(&format!("/v1/audit?{wrong}")).await?.problem(400)?;
    }
    let refused = patient.get("/v1/audit").await?;
    assert_eq!(refused.problem(403)?, "forbidden");
    let row = row_of(&system, &admin, &refused).await?;
    let names = ["kind", "reason", "user_id", "resource_kind"];
    let expected = ["denial", "forbidden", id(&patient)?, "AuditEvent"].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    Ok(())
}

#[tokio::test]
async fn sign_ins_and_what_looks_like_an_attack_are_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let admin = api.admin().await?;
    let login = |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        api.request(Method::POST, "/v1/auth/login").json(&body)
    };
    let wrong = api.send(login(ADMIN_EMAIL, "not the right passphrase")).await?;
    assert_eq!(wrong.problem(401)?, "invalid_credentials");
    let row = row_of(&system, &admin, &wrong).await?;
    let names = ["kind", "reason", "user_id"];
    let expected = ["sign-in-failure", "invalid_credentials", id(&admin)?].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    assert_eq!(row["outcome"], 4);

    let unknown = api.send(login("nobody@clinic.example", "not the right passphrase")).await?;
    let row = row_of(&system, &admin, &unknown).await?;
    assert!(row["kind"] == "sign-in-failure" && row.get("user_id").is_none(), "{row:#}");
    assert!(!row.to_string().contains("nobody@"), "{row:#}");

    let signed_in = api.send(login(ADMIN_EMAIL, testkit::ADMIN_PASSWORD)).await?;
    let row = row_of(&system, &admin, &signed_in).await?;
    let expected = ["sign-in", id(&admin)?, "admin"].map(Value::from);
    assert_eq!(fields(&row, ["kind", "user_id", "role"]), expected);
    let session = row["session_id"].clone();

    let token = json!({ "refresh_token": signed_in.body["refresh_token"] });
    api.post("/v1/auth/refresh", token.clone()).await?.expect(200)?;
    let reused = api.post("/v1/auth/refresh", token.clone()).await?;
    assert_eq!(reused.problem(401)?, "invalid_refresh_token");
    let row = row_of(&system, &admin, &reused).await?;
    let expected = ["token-reuse".into(), id(&admin)?.into(), session];
    assert_eq!(fields(&row, ["kind", "user_id", "session_id"]), expected);

    let patient = api.new_patient().await?;
    let token = json!({ "refresh_token": patient.refresh_token });
    let out = api.post("/v1/auth/logout", token).await?;
    let row = row_of(&system, &admin, &out).await?;
    let expected = ["sign-out", id(&patient)?, "patient"].map(Value::from);
    assert_eq!(fields(&row, ["kind", "user_id", "role"]), expected);
    Ok(())
}

#[tokio::test]
async fn refusals_and_administration_are_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let (admin, doctor) = (api.admin().await?, api.new_doctor().await?);
    let (patient, stranger) = (api.new_patient().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = booked["id"].as_str().context("a visit")?;

    let not_theirs = stranger.get(&format!("/v1/appointments/{visit}")).await?;
    assert_eq!(not_theirs.problem(404)?, "unknown_appointment");
    let row = row_of(&system, &admin, &not_theirs).await?;
    let names = ["kind", "reason", "user_id", "resource_id"];
    let expected = ["denial", "unknown_appointment", id(&stranger)?, visit].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    assert!(row.get("patient_id").is_none(), "nobody's data was shown");

    // The worker's refusal, which comes back by its reply.
    let path = format!("/v1/appointments/{visit}/cancel");
    let cancel = stranger.request(Method::POST, &path).header("if-match", "\"v1\"");
    let cancel = cancel.header("prefer", "wait=20").json(&json!({ "reason": "pat" }));
    let not_theirs = stranger.send(cancel).await?;
    ensure!([403, 404].contains(&not_theirs.status), "{}", not_theirs.text);
    let row = row_of(&system, &admin, &not_theirs).await?;
    assert_eq!(fields(&row, ["kind", "resource_id"]), ["denial", visit].map(Value::from));

    let forbidden = doctor.get("/v1/admin/users").await?;
    let row = row_of(&system, &admin, &forbidden).await?;
    assert_eq!(fields(&row, ["kind", "user_id"]), ["denial", id(&doctor)?].map(Value::from));

    let body = json!({
        "email": "second@clinic.example",
        "password": "velvet otter quarry ninety",
        "role": "operator",
    });
    let created = admin.post("/v1/admin/users", body).await?;
    let row = row_of(&system, &admin, &created).await?;
    let names = ["kind", "action", "user_id", "resource_id"];
    let made = created.body["id"].as_str().context("an id")?;
    let expected = ["administration", "C", id(&admin)?, made].map(Value::from);
    assert_eq!(fields(&row, names), expected);

    // Recorded before it was tried, and again when it failed.
    let path = format!("/v1/admin/doctors/{}/approve", Uuid::new_v4());
    let unknown = admin.post(&path, json!({})).await?;
    assert_eq!(unknown.problem(404)?, "unknown_practitioner");
    let query = format!("correlation_id={}", unknown.header(X_CORRELATION_ID).context("an id")?);
    let recorded = || async { Ok(rows(&admin, &query).await?.len() == 2) };
    system.wait_until("both are recorded", recorded).await?;
    let rows = rows(&admin, &query).await?;
    let found: Vec<_> = rows.iter().map(|row| fields(row, ["kind", "outcome", "reason"])).collect();
    let expected = [
        ["administration".into(), 4.into(), "unknown_practitioner".into()],
        ["administration".into(), 0.into(), Value::Null],
    ];
    assert_eq!(found, expected);

    let listed = admin.get("/v1/admin/users").await?;
    let shown: Vec<_> = rows_of(&system, &admin, &listed).await?;
    let mut shown: Vec<_> = shown.iter().filter_map(|row| row["patient_id"].as_str()).collect();
    shown.sort_unstable();
    let mut patients = [id(&patient)?, id(&stranger)?];
    patients.sort_unstable();
    assert_eq!(shown, patients, "whose accounts were listed");
    Ok(())
}

#[tokio::test]
async fn taking_a_request_back_is_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let (admin, doctor, patient) =
        (api.admin().await?, api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    system.stop_worker().await?;
    let body = json!({ "practitioner_id": id(&doctor)?, "start": slots[0] });
    let accepted = patient.post("/v1/appointments", body).await?;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let location = accepted.header("location").context("where it is")?;
    let withdrawn = patient.send(patient.request(Method::DELETE, location)).await?;
    assert_eq!(withdrawn.status, 202, "{}", withdrawn.text);
    let row = row_of(&system, &admin, &withdrawn).await?;
    let names = ["kind", "action", "user_id", "resource_kind", "resource_id"];
    let request = accepted.body["id"].as_str().context("an id")?;
    let expected = ["withdrawal", "U", id(&patient)?, "Task", request].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    Ok(())
}

/// The sum of a counter over those of its labels that contain a text.
fn counter(metrics: &str, name: &str, label: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

/// How many refusals of strangers are in the record, by kind: those that are recorded singly, and
/// those that were counted.
async fn refusals(system: &System, kind: AuditKind) -> anyhow::Result<(u64, u64)> {
    let (mut singly, mut counted) = (0, 0);
    for entry in system.audit_entries().await?.iter().filter(|entry| entry.kind == kind) {
        let occurrences = u64::from(entry.occurrences);
        if entry.source_address.is_some() {
            assert_eq!(occurrences, 1, "somebody is charged with what others did: {entry:?}");
            singly += 1;
        } else {
            assert_eq!(entry.user_id, None, "{entry:?}");
            counted += occurrences;
        }
    }
    Ok((singly, counted))
}

async fn withheld(system: &System) -> anyhow::Result<u64> {
    let metrics = system.api_metrics().await?;
    Ok(counter(&metrics, "mediconnect_audit_entries_withheld_total", ""))
}

#[tokio::test]
async fn a_flood_of_strangers_is_counted_and_charged_to_nobody() -> anyhow::Result<()> {
    const FLOOD: u64 = 300;
    let mut system = System::start().await?;
    let api = system.api();
    for _ in 0..FLOOD {
        assert_eq!(api.get("/v1/appointments").await?.status, 401);
    }
    let flooded = withheld(&system).await?;
    assert!((1..=FLOOD - 20).contains(&flooded), "{flooded} withheld");

    // Who fails to sign in from the same address, once there is room again.
    let attempts = AtomicU64::new(0);
    let admin = api.admin().await?.id.context("an id")?;
    let body = json!({ "email": ADMIN_EMAIL, "password": "not the right passphrase" });
    let fails = || async {
        api.post("/v1/auth/login", body.clone()).await?;
        attempts.fetch_add(1, Ordering::Relaxed);
        let entries = system.audit_entries().await?;
        Ok(entries.iter().any(|entry| {
            entry.kind == AuditKind::SignInFailure
                && entry.user_id.is_some_and(|id| id.to_string() == admin)
        }))
    };
    system.wait_until("a failed sign-in is recorded", fails).await?;

    // Whoever is known is recorded singly all the same.
    let patient = api.new_patient().await?;
    for _ in 0..60 {
        assert_eq!(patient.get("/v1/audit").await?.status, 403);
    }
    let total = withheld(&system).await?;

    // What was counted is recorded at the latest when api stops.
    system.stop_api().await?;
    let (singly, counted) = refusals(&system, AuditKind::Denial).await?;
    assert_eq!(singly + counted, FLOOD + 60);
    assert!(singly >= 80, "{singly} were recorded singly");
    let (failed, failures_counted) = refusals(&system, AuditKind::SignInFailure).await?;
    assert_eq!(failed + failures_counted, attempts.into_inner());
    assert_eq!(counted + failures_counted, total);
    Ok(())
}

#[tokio::test]
async fn refusals_that_were_counted_outlive_an_outage_of_nats() -> anyhow::Result<()> {
    let settings = [("MC_NATS__PUBLISH_DEADLINE_MS", "300")];
    let mut system = System::start_with(&settings).await?;
    let api = system.api();
    system.nats.kill().await?;
    // At once: who is recorded singly waits, and there would be room for the next one.
    let flood = (0..200).map(|_| api.get("/v1/appointments"));
    for answer in futures::future::try_join_all(flood).await? {
        ensure!([401, 503].contains(&answer.status), "{}", answer.text);
    }
    ensure!(withheld(&system).await? >= 100, "nothing was counted");
    let cannot = "refusals that were counted are not recorded yet";
    let has_failed = || async { Ok(system.log("api").contains(cannot)) };
    system.wait_until("recording it has failed", has_failed).await?;
    system.nats.restart().await?;
    let recorded = || async {
        let (_, counted) = refusals(&system, AuditKind::Denial).await?;
        Ok(counted >= withheld(&system).await?)
    };
    system.wait_until("all of it is recorded", recorded).await?;
    let (_, counted) = refusals(&system, AuditKind::Denial).await?;
    assert_eq!(counted, withheld(&system).await?);
    Ok(())
}

#[tokio::test]
async fn without_nats_nothing_of_a_patient_is_shown() -> anyhow::Result<()> {
    let settings = [("MC_NATS__PUBLISH_DEADLINE_MS", "300")];
    let mut system = System::start_with(&settings).await?;
    let api = system.api();
    let (admin, doctor, patient) =
        (api.admin().await?, api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = format!("/v1/appointments/{}", booked["id"].as_str().context("a visit")?);

    system.nats.kill().await?;
    let shows = [(&patient, "/v1/me"), (&doctor, &visit), (&doctor, "/v1/appointments")];
    for (person, path) in
        shows.into_iter().chain([(&admin, "/v1/admin/users"), (&admin, "/v1/audit")])
    {
        let answer = person.get(path).await?;
        assert_eq!(answer.problem(503)?, "unavailable", "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(!answer.text.contains(id(&patient)?), "{path}: {}", answer.text);
    }
    // Whom it doesn't concern goes on.
    patient.get("/v1/doctors").await?.expect(200)?;
    assert!(!patient.free_slots(id(&doctor)?).await?.is_empty());

    system.nats.restart().await?;
    let is_back = || async { Ok(doctor.get(&visit).await?.status == 200) };
    system.wait_until("visits are shown again", is_back).await
}

/// Reads and books until it is told to stop.
async fn traffic(
    patient: &Api,
    doctor: &str,
    slots: &[String],
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    for slot in slots {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        patient.book(doctor, slot).await?.expect(201)?;
        for path in ["/v1/appointments", "/v1/me"] {
            patient.get(path).await?.expect(200)?;
        }
    }
    anyhow::bail!("the slots ran out before the worker was killed often enough")
}

#[tokio::test]
async fn kill_9_of_the_worker_loses_nothing_and_doubles_nothing() -> anyhow::Result<()> {
    let mut system = System::start_with(&[("MC_AUDIT__PAUSE_MS", "1")]).await?;
    let api = system.api();
    let mut people = Vec::new();
    for _ in 0..4 {
        let (patient, doctor) = (api.new_patient().await?, api.new_doctor().await?);
        let slots = patient.free_slots(id(&doctor)?).await?;
        people.push((patient, id(&doctor)?.to_owned(), slots));
    }
    let (database, watcher) = (system.database().await?, system.database().await?);
    let stop = AtomicBool::new(false);
    let all_traffic = futures::future::try_join_all(
        people.iter().map(|(patient, doctor, slots)| traffic(patient, doctor, slots, &stop)),
    );
    let killing = async {
        // Killed in the middle of a transaction: before its rows are written, and between them and
        // their seal. A lock holds it there.
        let seals = "SELECT count(*) FROM audit_seals";
        let held = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'mediconnect-audit'
                AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
        for statement in ["COPY audit_log", "INSERT INTO audit_seals"].repeat(3) {
            let before: i64 = watcher.query_one(seals, &[]).await?.get(0);
            system.start_audit()?;
            let has_sealed =
                || async { Ok(watcher.query_one(seals, &[]).await?.get::<_, i64>(0) > before) };
            system.wait_until("the worker seals", has_sealed).await?;
            let (_, table) = statement.rsplit_once(' ').context("a table")?;
            let hold = format!("BEGIN; LOCK TABLE {table} IN SHARE MODE");
            database.batch_execute(&hold).await?;
            let is_held = || async {
                Ok(watcher.query_one(held, &[&statement]).await?.get::<_, i64>(0) == 1)
            };
            system.wait_until("the worker is about to write", is_held).await?;
            system.kill_audit().await?;
            database.batch_execute("ROLLBACK").await?;
        }
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    tokio::try_join!(all_traffic, killing)?;

    system.start_audit()?;
    let recorded = system.check_audit_is_complete().await?;
    ensure!(recorded > 50, "there was hardly any traffic: {recorded}");
    system.stop_audit().await
}

#[tokio::test]
async fn who_is_insured_and_who_forces_a_breaker_is_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let (admin, patient) = (api.admin().await?, api.new_patient().await?);
    let coverages = format!("/v1/patients/{}/coverages", id(&patient)?);

    let card = json!({ "payer": "00042", "subscriber_id": "M-7" });
    let added = patient.post(&coverages, card).await?;
    let coverage = added.body["id"].as_str().context("a coverage")?.to_owned();
    let row = row_of(&system, &admin, &added).await?;
    let names = ["kind", "action", "user_id", "patient_id", "resource_kind", "resource_id"];
    let (me, kind) = (id(&patient)?, "Coverage");
    assert_eq!(
        fields(&row, names),
        ["change", "C", me, me, kind, &coverage].map(Value::from),
        "{row:#}"
    );

    let read = admin.get(&format!("/v1/coverages/{coverage}")).await?;
    let row = row_of(&system, &admin, &read).await?;
    let expected = ["read", "R", id(&admin)?, me, kind, &coverage].map(Value::from);
    assert_eq!(fields(&row, names), expected);

    let names = ["kind", "resource_kind", "user_id", "patient_id"];
    let lists = [
        (&patient, coverages.as_str(), kind),
        (&admin, "/v1/eligibility-checks", "CoverageEligibilityResponse"),
    ];
    for (who, path, kind) in lists {
        let answer = who.get(path).await?;
        let row = row_of(&system, &admin, &answer).await?;
        let expected = ["search", kind, id(who)?, me].map(Value::from);
        assert_eq!(fields(&row, names), expected, "{path}");
    }

    let order = json!({ "control": "forced_open", "reason": "they asked us to stop" });
    let forcing = admin.request(Method::PUT, "/v1/breakers/00042").json(&order);
    let forced = admin.send(forcing).await?;
    forced.clone().expect(200)?;
    let row = row_of(&system, &admin, &forced).await?;
    let names = ["kind", "operation", "user_id", "stated_reason", "resource_kind"];
    let operation = "PUT /v1/breakers/{payer} forced_open";
    let why = "they asked us to stop";
    let expected = ["maintenance", operation, id(&admin)?, why, "Endpoint"].map(Value::from);
    assert_eq!(fields(&row, names), expected);
    assert!(row["resource_id"].is_string(), "which payer: {row:#}");
    Ok(())
}
