//! Bad input is refused at the door with a problem document, and nothing of it is published.

use std::time::Duration;

use anyhow::{Context, ensure};
use async_nats::jetstream;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::subjects;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, System};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many commands are in the stream.
async fn published(system: &System) -> anyhow::Result<u64> {
    let context = jetstream::new(system.nats.client().await?);
    Ok(context.get_stream(subjects::COMMANDS).await?.cached_info().state.messages)
}

/// Sends bytes as they are, and reads the answer's head and body.
async fn send_raw(system: &System, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(system.listen()).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_mins(1), reading).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn post_text(person: &Api, path: &str, body: impl Into<String>) -> anyhow::Result<Answer> {
    let request = person.request(Method::POST, path).header("content-type", "application/json");
    person.send(request.body(body.into())).await
}

fn booking() -> Value {
    let practitioner = uuid::Uuid::new_v4().to_string();
    json!({ "practitioner_id": practitioner, "start": "2030-03-04T09:00:00Z" })
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let before = published(&system).await?;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let with = |field: &str, value: Value| {
        let mut body = booking();
        body[field] = value;
        body.to_string()
    };
    let cases = [
        (String::new(), 400, "malformed_json"),
        ("{".to_owned(), 400, "malformed_json"),
        (format!("{}{{}}", booking()), 400, "malformed_json"),
        (deep, 422, "invalid_body"),
        ("[]".to_owned(), 422, "invalid_body"),
        ("null".to_owned(), 422, "invalid_body"),
        ("{}".to_owned(), 422, "invalid_body"),
        (with("status", json!("fulfilled")), 422, "invalid_body"),
        (with("practitioner_id", json!(7)), 422, "invalid_body"),
        (with("practitioner_id", json!("*")), 422, "invalid_body"),
        (with("practitioner_id", json!("a.b.>\r\n")), 422, "invalid_body"),
        (with("start", json!("soon")), 422, "invalid_body"),
        (with("start", json!("2030-02-30T09:00:00Z")), 422, "invalid_body"),
        (with("start", json!("x".repeat(50_000))), 422, "invalid_body"),
        (with("start", json!("x".repeat(70_000))), 413, "body_too_large"),
        (with("start", json!("2030-03-04T09:00:00[Mars/Olympus]")), 422, "invalid_body"),
    ];
    for (body, status, problem) in cases {
        let shown: String = body.chars().take(60).collect();
        let answer = post_text(&patient, "/v1/appointments", body).await?;
        let found = answer.problem(status).with_context(|| shown.clone())?;
        assert_eq!(found, problem, "{shown}");
        assert!(!answer.text.contains("fulfilled"), "an answer quotes what was sent");
    }
    let form = patient.request(Method::POST, "/v1/appointments").body("a=b");
    assert_eq!(patient.send(form).await?.problem(415)?, "unsupported_media_type");
    for (name, value) in
        [("content-encoding", "gzip"), ("content-type", "application/json; charset=utf-16")]
    {
        let request = patient.request(Method::POST, "/v1/appointments").header(name, value);
        let answer = patient.send(request.json(&booking())).await?;
        assert_eq!(answer.problem(415)?, "unsupported_media_type", "{value}");
    }
    assert_eq!(published(&system).await?, before);
    Ok(())
}

#[tokio::test]
async fn fields_say_where_they_are_wrong() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let mut body = booking();
    body["start"] = json!(5);
    let answer = patient.post("/v1/appointments", body).await?;
    assert_eq!(answer.problem(422)?, "invalid_body");
    assert_eq!(answer.body["errors"][0]["pointer"], "/start");
    Ok(())
}

#[tokio::test]
async fn headers_and_ids_that_try_something() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let before = published(&system).await?;
    for (name, value) in [
        ("idempotency-key", ""),
        ("idempotency-key", "\"unclosed"),
        ("idempotency-key", &"k".repeat(300)),
        ("idempotency-key", "caf\u{e9}"),
        ("prefer", "wait=forever"),
        ("prefer", "wait=-1"),
    ] {
        let request = patient.request(Method::POST, "/v1/appointments").json(&booking());
        let answer = patient.send(request.header(name, value)).await?;
        // An unusable preference may be ignored (RFC 7240); a key may not.
        if name == "idempotency-key" {
            assert_eq!(answer.problem(400)?, "invalid_header", "{value}");
        } else {
            ensure!([202, 400].contains(&answer.status), "{value}: {}", answer.text);
        }
    }
    let preferences = published(&system).await? - before;
    ensure!(preferences <= 2, "a refused request was published");
    for id in ["*", "%3E", "a.b", "%0d%0aX:1", "1%00", "not-a-uuid", "..%2F..%2Fetc"] {
        for path in ["/v1/requests/", "/v1/appointments/", "/v1/doctors/"] {
            let answer = patient.get(&format!("{path}{id}")).await?;
            answer.problem(404).with_context(|| format!("{path}{id}"))?;
        }
        let path = format!("/v1/requests/{id}");
        let answer = patient.send(patient.request(Method::DELETE, &path)).await?;
        answer.problem(404)?;
    }
    for version in ["7", "*", "W/\"v1\"", "\"v\"", "\"v99999999999999999999\""] {
        let path = format!("/v1/appointments/{}/cancel", uuid::Uuid::new_v4());
        let request = patient.request(Method::POST, &path).header("if-match", version);
        let answer = patient.send(request.json(&json!({ "reason": "pat" }))).await?;
        ensure!([400, 412, 428].contains(&answer.status), "{version}: {}", answer.text);
    }
    assert_eq!(published(&system).await?, before + preferences);
    Ok(())
}

#[tokio::test]
async fn a_correlation_id_from_outside_counts_only_when_it_is_a_uuid() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let own = uuid::Uuid::new_v4().to_string();
    let with = |value: &str| api.request(Method::GET, "/healthz").header("x-correlation-id", value);
    assert_eq!(api.send(with(&own)).await?.header("x-correlation-id"), Some(own.as_str()));
    for value in ["Ada Lovelace", "1", "", "a\tb", &"f".repeat(500)] {
        let answer = api.send(with(value)).await?;
        let given = answer.header("x-correlation-id").context("every answer has one")?;
        assert_ne!(given, value);
        given.parse::<uuid::Uuid>()?;
    }
    Ok(())
}

#[tokio::test]
async fn requests_that_are_no_http() -> anyhow::Result<()> {
    let system = System::start().await?;
    let before = published(&system).await?;
    let cases: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-correlation-id: a\0b\r\nconnection: close\r\n\r\n",
        b"POST /v1/appointments HTTP/1.1\r\nhost: x\r\nidempotency-key: a\x01b\r\n\
          content-length: 0\r\nconnection: close\r\n\r\n",
        b"POST /v1/appointments HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"POST /v1/appointments HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\
          transfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    for bytes in cases {
        let answer = send_raw(&system, bytes).await?;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(answer.is_empty() || status.starts_with('4'), "{answer}");
    }
    // It is still there.
    system.api().get("/healthz").await?.expect(200)?;
    assert_eq!(published(&system).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_slow_client_is_hung_up_on() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__HEADER_TIMEOUT_MS", "300")]).await?;
    // Headers that never end: without the timeout this would wait for as long as we do.
    let answer = send_raw(&system, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await?;
    ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn unknown_paths_and_methods() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    assert_eq!(api.get("/v1/nothing").await?.problem(404)?, "not_found");
    let wrong = api.send(api.request(Method::PATCH, "/v1/appointments")).await?;
    assert!(wrong.header("allow").is_some());
    assert_eq!(wrong.problem(405)?, "method_not_allowed");
    let long = api.get(&format!("/v1/slots?x={}", "y".repeat(60_000))).await?;
    ensure!([400, 414, 431].contains(&long.status), "{}", long.status);
    let patient = api.new_patient().await?;
    for query in ["", "practitioner_id=x", "practitioner_id=*&from=a&to=b", "unknown=1"] {
        let answer = patient.get(&format!("/v1/slots?{query}")).await?;
        assert_eq!(answer.problem(400)?, "invalid_query", "{query}");
    }
    let unknown = patient.get("/v1/doctors?specialyt=general").await?;
    assert_eq!(unknown.problem(400)?, "invalid_query");
    assert_eq!(unknown.body["errors"][0]["parameter"], "specialyt", "{}", unknown.text);
    // The address that people are told first leads to the documentation.
    let docs = api.get("/").await?;
    ensure!(docs.status == 200 && docs.text.contains("swagger"), "{}: {}", docs.status, docs.text);
    Ok(())
}

/// A list's cursor as anybody can make it: 16 bytes of nanoseconds and 16 more.
fn forged_cursor(nanoseconds: i128) -> String {
    URL_SAFE_NO_PAD.encode([nanoseconds.to_be_bytes(), [0; 16]].concat())
}

#[tokio::test]
async fn times_that_the_database_does_not_know() -> anyhow::Result<()> {
    let system = System::start().await?;
    let admin = system.api().admin().await?;
    let long_ago = "-005000-01-01T00:00:00Z";
    // The same time, and one that no calendar here knows either.
    let cursors = [-219_960_000_000_000_000_000, i128::MAX].map(forged_cursor);
    let paths = ["/v1/appointments?from=", "/v1/appointments?to=", "/v1/audit?from="]
        .into_iter()
        .chain(["/v1/audit?to=", "/v1/dead-letters?failed_before="])
        .chain(["/v1/dead-letters?failed_since=", "/v1/dead-letters/groups?failed_since="]);
    for path in paths {
        let answer = admin.get(&format!("{path}{long_ago}")).await?;
        assert_eq!(answer.problem(400).context(path)?, "invalid_query", "{path}");
    }
    for cursor in &cursors {
        let answer = admin.get(&format!("/v1/appointments?cursor={cursor}")).await?;
        assert_eq!(answer.problem(400)?, "invalid_query");
        // Of the audit log: the second part is half as long.
        let shorter = URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(cursor)?[..24]);
        let answer = admin.get(&format!("/v1/audit?cursor={shorter}")).await?;
        assert_eq!(answer.problem(400)?, "invalid_query");
    }
    let doctor = uuid::Uuid::new_v4();
    let slots = format!("/v1/slots?practitioner_id={doctor}&from={long_ago}&to={long_ago}");
    assert_eq!(admin.get(&slots).await?.problem(400)?, "invalid_query");
    for field in ["failed_before", "failed_since"] {
        let body = json!({ "reason": "it was repaired", "filter": { field: long_ago } });
        let answer = admin.post("/v1/dead-letters/replay", body).await?;
        assert_eq!(answer.problem(422)?, "invalid_body", "{}", answer.text);
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/filter/{field}"));
    }
    Ok(())
}

#[tokio::test]
async fn sign_up_refuses_what_it_should() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let good = json!({
        "email": "new@patients.example",
        "password": "a long enough passphrase",
        "name": { "given": "Pat", "family": "Example" },
        "birth_date": "1980-02-29",
    });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for body in [
        with("email", json!("no address")),
        with("password", json!("short")),
        with("password", json!("passwordpassword")),
        with("password", json!("x".repeat(5_000))),
        with("birth_date", json!("1980-02-30")),
        with("birth_date", json!("1990-13-77")),
        with("name", json!("x")),
        with("name", json!({ "given": "", "family": "x" })),
        with("name", json!({ "given": "a\r\nb", "family": "x" })),
        with("role", json!("admin")),
    ] {
        let answer = api.post("/v1/auth/register", body).await?;
        assert_eq!(answer.problem(422)?, "invalid_body", "{}", answer.text);
        for library in ["Unchecked", "struct", "parse", "1990-13"] {
            assert!(!answer.text.contains(library), "{}", answer.text);
        }
    }
    // Whether there was an account before makes no difference that anybody could see.
    let once = api.post("/v1/auth/register", good.clone()).await?;
    let twice = api.post("/v1/auth/register", with("email", json!("NEW@patients.example"))).await?;
    assert_eq!((once.status, &once.body), (202, &twice.body));
    assert_eq!(twice.status, 202);

    let sign_in = |email: &str| {
        let body = json!({ "email": email, "password": "not the right passphrase" });
        api.post("/v1/auth/login", body)
    };
    let [known, unknown] =
        [sign_in("new@patients.example").await?, sign_in("nobody@patients.example").await?];
    assert_eq!(known.problem(401)?, unknown.problem(401)?);
    Ok(())
}
