//! One id through everything, and no personal data in any of it.

use std::fmt::Write;

use anyhow::{Context, ensure};
use async_nats::{HeaderMap, jetstream};
use contracts::metadata::header;
use contracts::{BookingKind, subjects};
use domain::RequestId;
use futures::TryStreamExt as _;
use insurer::{Knobs, Outcome, Share};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, Collector, Insurer, System, any_command};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Lines of a process's JSON log that carry this correlation id.
fn lines_about(log: &str, correlation_id: &str) -> Vec<Value> {
    log.lines()
        .filter(|line| line.contains(correlation_id))
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[tokio::test]
async fn one_correlation_id_runs_through_everything() -> anyhow::Result<()> {
    let system = System::start_with_own_postgres().await?;
    let api = system.api();
    let ready =
        || async { Ok(api.sign_in(testkit::ADMIN_EMAIL, testkit::ADMIN_PASSWORD).await.is_ok()) };
    system.wait_until("the administrator can sign in", ready).await?;
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let doctor = doctor.id.as_deref().context("an id")?;
    let slots = patient.free_slots(doctor).await?;

    let correlation_id = uuid::Uuid::new_v4().to_string();
    let body = json!({ "practitioner_id": doctor, "start": slots[0] });
    let request = || {
        patient
            .request(Method::POST, "/v1/appointments")
            .header("prefer", "wait=20")
            .header("x-correlation-id", &correlation_id)
            .header("traceparent", format!("00-{TRACE_ID}-b7ad6b7169203331-01"))
            .json(&body)
    };
    let answer = patient.send(request()).await?;
    assert_eq!(answer.header("x-correlation-id"), Some(correlation_id.as_str()));
    answer.expect(201)?;
    // And on a problem document, which a repeat without a key gives.
    patient.send(request()).await?.problem(409)?;

    // In the message, with the trace.
    let context = jetstream::new(system.nats.client().await?);
    let stream = context.get_stream(subjects::COMMANDS).await?;
    let mut requests = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let message = stream.direct_get(sequence).await?;
        let header = |name| message.headers.get(name).map(|value| value.as_str().to_owned());
        if header(header::CORRELATION_ID).as_deref() == Some(&correlation_id) {
            let traceparent = header(header::TRACEPARENT).context("the trace goes on")?;
            ensure!(traceparent.contains(TRACE_ID), "{traceparent}");
            requests.push(header(header::REQUEST_ID).context("a request id")?);
        }
    }
    ensure!(requests.len() == 2, "{} messages carry the id", requests.len());

    // In the event.
    let published = || async {
        let events = context.get_stream(subjects::EVENTS).await?;
        let last = events.get_last_raw_message_by_subject("mc.evt.appointment.booked").await;
        let Ok(last) = last else { return Ok(false) };
        let id = last.headers.get(header::CORRELATION_ID).map(|value| value.as_str().to_owned());
        Ok(id.as_deref() == Some(&correlation_id))
    };
    system.wait_until("the event is published", published).await?;

    // In the inbox, the history, and PostgreSQL's own log.
    let database = system.database().await?;
    for table in ["requests", "appointment_status_history"] {
        let count = format!("SELECT count(*) FROM {table} WHERE correlation_id = $1::text::uuid");
        let count: i64 = database.query_one(&count, &[&correlation_id]).await?.get(0);
        ensure!(count > 0, "{table} doesn't know the id");
    }
    ensure!(system.postgres_log()?.contains(&correlation_id), "PostgreSQL's log lacks the id");

    // In both processes' logs, joined with the trace.
    for process in ["api", "worker"] {
        let logged =
            || async { Ok(!lines_about(&system.log(process), &correlation_id).is_empty()) };
        system.wait_until("the log is written", logged).await?;
        let lines = lines_about(&system.log(process), &correlation_id);
        let joined = lines.iter().any(|line| line.to_string().contains(TRACE_ID));
        ensure!(joined, "{process} doesn't join id and trace: {lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_personal_is_logged_counted_traced_or_put_into_subjects() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let insurer = Insurer::start().await?;
    let audit_metrics = servers::free_loopback_port()?;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("MC_AUDIT__METRICS_LISTEN", format!("127.0.0.1:{audit_metrics}")),
        ("MC_ELIGIBILITY__INSURER_URL", insurer.url()),
        ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ("MC_ELIGIBILITY__POLL_MS", "50".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut system = System::start_with_own_postgres_and(&settings).await?;
    system.start_audit()?;
    system.start_eligibility().await?;
    let api = system.api();
    let secrets = [
        "canary-mail@patients.example",
        "Canarygiven",
        "Canaryfamily",
        "1971-11-13",
        "canary passphrase of mine",
        "canary-idempotency-key",
        "CANARYLICENCE",
        "canarymedicine",
        "CANARYMEMBER",
        "canary reason of mine",
    ];
    let [email, given, family, birth_date, password, key, licence, specialty, member, reason] =
        secrets;
    let ready =
        || async { Ok(api.sign_in(testkit::ADMIN_EMAIL, testkit::ADMIN_PASSWORD).await.is_ok()) };
    system.wait_until("the administrator can sign in", ready).await?;
    let body = json!({
        "email": email,
        "password": password,
        "name": { "given": given, "family": family },
        "birth_date": birth_date,
    });
    api.post("/v1/auth/register", body).await?.expect(202)?;
    let patient = api.sign_in(email, password).await?;
    let (token, refresh) = (patient.token()?.to_owned(), patient.refresh_token.clone());
    api.post("/v1/auth/login", json!({ "email": email, "password": "canary wrong guess" })).await?;
    let doctor_body = json!({
        "email": "canary-mail@doctors.example",
        "password": password,
        "name": { "given": given, "family": family },
        "specialty": specialty,
        "licence": licence,
    });
    api.admin().await?.post("/v1/admin/doctors", doctor_body).await?.expect(201)?;
    let doctor = api.new_doctor().await?;
    let doctor = doctor.id.as_deref().context("an id")?;
    let slots = patient.free_slots(doctor).await?;
    // One insurer answers, and one sends something that nobody can read.
    let lies =
        Knobs { mix: vec![Share { weight: 1, outcome: Outcome::Garbage }], ..Knobs::default() };
    insurer.set_for(&"00007".parse()?, &lies).await?;
    let patient_id = patient.id.as_deref().context("an id")?;
    let coverages = format!("/v1/patients/{patient_id}/coverages");
    let card = json!({ "payer": "00042", "subscriber_id": format!("{member}-ACTIVE") });
    patient.post(&coverages, card).await?.expect(201)?;
    let card = json!({
        "payer": "00007",
        "subscriber_id": member,
        "relationship": "child",
        "subscriber": { "name": { "given": given, "family": family }, "birth_date": birth_date },
    });
    patient.post(&coverages, card).await?.expect(201)?;
    for start in [&slots[0], &slots[0], "canary start"] {
        let body = json!({ "practitioner_id": doctor, "start": start });
        let request = patient.request(Method::POST, "/v1/appointments").header("prefer", "wait=20");
        patient.send(request.header("idempotency-key", key).json(&body)).await?;
    }
    let form = json!({ "practitioner_id": doctor, "start": slots[1] });
    let accepted = patient.post("/v1/appointments", form).await?;
    let locations = accepted.header("location").context("where the outcome will be")?.to_owned();
    patient.get("/v1/doctors?specialty=canarymedicine").await?;
    patient.get("/canary-path/Canaryfamily").await?;

    let unreadable = json!({ "name": given, "birth_date": birth_date, "member_id": member });
    bury(&system, &unreadable).await?;
    let admin = api.admin().await?;
    let letters = || async {
        let page = admin.get("/v1/dead-letters").await?.expect(200)?;
        Ok(page["items"].as_array().is_some_and(|letters| letters.len() == 2))
    };
    system.wait_until("both letters are seen", letters).await?;
    let page = admin.get("/v1/dead-letters").await?.expect(200)?;
    let letter = page["items"][0]["id"].as_str().context("an id")?;
    let path = format!("/v1/dead-letters/{letter}");
    let why = json!({ "reason": reason });
    admin.post(&format!("{path}/unmask"), why.clone()).await?.expect(200)?;
    admin.post(&format!("{path}/discard"), why.clone()).await?.expect(200)?;
    let order = json!({ "control": "forced_open", "reason": reason });
    let force = admin.request(Method::PUT, "/v1/breakers/00099").json(&order);
    admin.send(force).await?.expect(200)?;
    die_twice(&system, &patient, doctor, &slots[2], &why).await?;
    let sql = "SELECT count(*) FILTER (WHERE last_result IS NOT NULL) > 0
            AND count(*) FILTER (WHERE error_class IS NOT NULL) > 0
        FROM eligibility_checks";
    let database = system.database().await?;
    let checked = || async { Ok(database.query_one(sql, &[]).await?.get::<_, bool>(0)) };
    system.wait_until("both insurers were asked", checked).await?;
    let recorded = system.check_audit_is_complete().await?;
    ensure!(recorded > 10, "{recorded} entries and facts");

    let metrics = [
        system.api_metrics().await?,
        system.worker_metrics().await?,
        system.eligibility_metrics().await?,
        reqwest::get(format!("http://127.0.0.1:{audit_metrics}/metrics")).await?.text().await?,
    ];
    let metrics = metrics.concat();
    ensure!(metrics.contains("mediconnect_audit_rows_total"), "the audit worker counts nothing");
    system.stop_eligibility().await?;
    system.stop_audit().await?;
    system.stop_worker().await?;
    system.stop_api().await?;
    let mut everything = vec![
        ("api's log", system.log("api")),
        ("the worker's log", system.log("worker")),
        ("the eligibility worker's log", system.log("eligibility")),
        ("the audit worker's log", system.log("audit")),
        ("PostgreSQL's log", system.postgres_log()?),
        ("the insurer's log", insurer.log()),
        ("metrics", metrics),
        ("spans", collector.received()),
        ("URLs", locations),
    ];
    let context = jetstream::new(system.nats.client().await?);
    let mut names: Vec<String> = context.stream_names().try_collect().await?;
    names.sort();
    let mut not_empty = Vec::new();
    for name in names {
        let stream = context.get_stream(&name).await?;
        let mut seen = String::new();
        let state = &stream.cached_info().state;
        for sequence in state.first_sequence..=state.last_sequence {
            // Buckets forget what was overwritten.
            let Ok(message) = stream.direct_get(sequence).await else { continue };
            writeln!(seen, "{} {:?}", message.subject, message.headers)?;
        }
        if !seen.is_empty() {
            not_empty.push(name);
        }
        everything.push(("a stream's or a bucket's subjects and headers", seen));
    }
    let filled = [
        "KV_mc_audit_anchor",
        "KV_mc_breaker_controls",
        "KV_mc_breaker_states",
        subjects::AUDIT,
        subjects::COMMANDS,
        subjects::DEAD,
        subjects::EVENTS,
    ];
    for name in filled {
        ensure!(not_empty.iter().any(|it| it == name), "{name} holds nothing: {not_empty:?}");
    }
    let token_secret = token.rsplit('.').next().context("a signature")?;
    let refresh = refresh.context("a refresh token")?;
    for (place, text) in &everything {
        for secret in secrets.iter().copied().chain([
            token_secret,
            &refresh,
            "canary wrong guess",
            "19711113",
        ]) {
            let found = text.lines().find(|line| line.contains(secret));
            ensure!(found.is_none(), "{place} holds {secret}: {found:?}");
        }
    }
    // The search would find something if there were something: ids are there.
    ensure!(everything[0].1.contains("correlation_id"), "api logs nothing at all");
    ensure!(collector.received().contains("correlation_id"), "no span was exported");
    Ok(())
}

/// A booking that dies, is tried again for this reason, and dies again.
async fn die_twice(
    system: &System,
    patient: &Api,
    doctor: &str,
    start: &str,
    why: &Value,
) -> anyhow::Result<()> {
    let patient_id: uuid::Uuid = patient.id.as_deref().context("an id")?.parse()?;
    let admin = system.api().admin().await?;
    let database = system.database().await?;
    let refuse = format!(
        "ALTER TABLE appointments ADD CONSTRAINT planted CHECK (patient_id <> '{patient_id}')
            NOT VALID"
    );
    database.batch_execute(&refuse).await?;
    let form = json!({ "practitioner_id": doctor, "start": start });
    let accepted = patient.post("/v1/appointments", form).await?;
    let correlation_id = accepted.header("x-correlation-id").context("an id")?;
    let query = format!("/v1/dead-letters?correlation_id={correlation_id}");
    let generation = async |generation: i64| {
        let page = admin.get(&query).await?.expect(200)?;
        let letter = page["items"][0].clone();
        let is_there = letter["state"] == "open" && letter["generation"] == generation;
        anyhow::Ok(is_there.then_some(letter))
    };
    let died = || async { Ok(generation(1).await?.is_some()) };
    system.wait_until("the booking is a dead letter", died).await?;
    let letter = generation(1).await?.context("it was there")?;
    // What only a commit brings to light, no rehearsal sees.
    let refuse_later = format!(
        "ALTER TABLE appointments DROP CONSTRAINT planted;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE check_violation; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON appointments
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
             WHEN (NEW.patient_id = '{patient_id}') EXECUTE FUNCTION refuse()"
    );
    database.batch_execute(&refuse_later).await?;
    let id = letter["id"].as_str().context("an id")?;
    admin.post(&format!("/v1/dead-letters/{id}/replay"), why.clone()).await?.expect(200)?;
    let died_again = || async { Ok(generation(2).await?.is_some()) };
    system.wait_until("its replay died", died_again).await?;
    Ok(database.batch_execute("DROP TRIGGER refuse ON appointments").await?)
}

/// Puts two messages that nobody can read into the stream of commands: one in an envelope and one
/// without, both with the same body.
async fn bury(system: &System, body: &Value) -> anyhow::Result<()> {
    let context = jetstream::new(system.nats.client().await?);
    for has_envelope in [true, false] {
        let id = RequestId::generate();
        let mut headers = HeaderMap::new();
        if has_envelope {
            for (name, value) in any_command(id, None).metadata.to_headers() {
                headers.insert(name, value.as_str());
            }
        }
        let subject = BookingKind::Cancel.subject(id);
        let body = body.to_string();
        context.publish_with_headers(subject, headers, body.into()).await?.await?;
    }
    Ok(())
}

#[tokio::test]
async fn metrics_have_names_with_units_and_a_listener_of_their_own() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    patient.get("/v1/me").await?.expect(200)?;
    assert_eq!(patient.get("/metrics").await?.status, 404);
    let metrics = system.api_metrics().await?;
    ensure!(metrics.contains("mediconnect_http_request_duration_seconds_bucket{"), "{metrics}");
    ensure!(metrics.contains("route=\"/v1/me\""), "routes are templates: {metrics}");
    for line in metrics.lines().filter(|line| line.starts_with("# TYPE mediconnect_")) {
        let mut words = line.split(' ').skip(2);
        let (name, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        ensure!(kind != "counter" || name.ends_with("_total"), "{line}");
        let units = ["_seconds", "_bytes", "_messages", "_rows"];
        ensure!(kind != "histogram" || units.iter().any(|unit| name.ends_with(unit)), "{line}");
    }
    Ok(())
}
