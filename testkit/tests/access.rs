//! Who may do what: every route against every role, and tokens that aren't what they claim.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{ADMIN_EMAIL, Api, System};

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

#[tokio::test]
async fn every_route_says_no_to_whom_it_should() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let operator = json!({
        "email": "operator@clinic.example",
        "password": "grumpy walnut tram forty",
        "role": "operator",
    });
    admin.post("/v1/admin/users", operator).await?.expect(201)?;
    let operator = api.sign_in("operator@clinic.example", "grumpy walnut tram forty").await?;
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let visit = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = format!("/v1/appointments/{}", visit["id"].as_str().context("an id")?);
    let (other, other_doctor) = (api.new_patient().await?, api.new_doctor().await?);

    let get = |path: &str| (Method::GET, path.to_owned(), Value::Null);
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body);
    let hours = format!("/v1/doctors/{}/availability", id(&doctor)?);
    let week = json!({ "time_zone": "Etc/UTC", "slot_minutes": 30, "hours": [] });
    let booking = json!({ "practitioner_id": id(&doctor)?, "start": slots[1] });
    let approve = format!("/v1/admin/doctors/{}/approve", id(&other_doctor)?);
    let anyone =
        json!({ "email": "x@y.example", "password": "mossy kettle drum eleven", "role": "admin" });
    let letter = format!("/v1/dead-letters/{}", uuid::Uuid::now_v7());
    let why = json!({ "reason": "just because" });
    let insure = json!({ "payer": "00042", "subscriber_id": "M-1" });
    let coverages = format!("/v1/patients/{}/coverages", id(&patient)?);
    let another = json!({ "payer": "00042", "subscriber_id": "M-2" });
    let insured = admin.post(&coverages, another).await?.expect(201)?;
    let coverage = format!("/v1/coverages/{}", insured["id"].as_str().context("an id")?);
    let force = json!({ "control": "automatic", "reason": "just because" });
    let force = (Method::PUT, "/v1/breakers/00042".to_owned(), force);
    let people =
        [("nobody", &api), ("patient", &patient), ("other patient", &other), ("doctor", &doctor)];
    let staff = [("other doctor", &other_doctor), ("operator", &operator), ("admin", &admin)];
    // In the order of `people`, then `staff`.
    let rules = [
        (get("/v1/me"), [401, 200, 200, 200, 200, 200, 200]),
        (get("/v1/doctors"), [401, 200, 200, 200, 200, 200, 200]),
        (get("/v1/appointments"), [401, 200, 200, 200, 200, 403, 200]),
        (get(&visit), [401, 200, 404, 200, 404, 403, 200]),
        (get("/v1/admin/users"), [401, 403, 403, 403, 403, 403, 200]),
        (post("/v1/admin/users", anyone), [401, 403, 403, 403, 403, 403, 201]),
        (post("/v1/admin/doctors", json!({})), [401, 403, 403, 403, 403, 403, 422]),
        (post(&approve, json!({})), [401, 403, 403, 403, 403, 403, 200]),
        (post("/v1/appointments", booking), [401, 202, 202, 403, 403, 403, 422]),
        ((Method::PUT, hours, week), [401, 403, 403, 202, 403, 403, 202]),
        (get("/v1/dead-letters"), [401, 403, 403, 403, 403, 200, 200]),
        (get("/v1/dead-letters/groups"), [401, 403, 403, 403, 403, 200, 200]),
        (get(&letter), [401, 403, 403, 403, 403, 404, 404]),
        (post(&format!("{letter}/unmask"), why.clone()), [401, 403, 403, 403, 403, 404, 404]),
        (post(&format!("{letter}/rehearse"), json!({})), [401, 403, 403, 403, 403, 404, 404]),
        (post(&format!("{letter}/replay"), why.clone()), [401, 403, 403, 403, 403, 404, 404]),
        (post(&format!("{letter}/discard"), why), [401, 403, 403, 403, 403, 404, 404]),
        (post("/v1/dead-letters/replay", json!({})), [401, 403, 403, 403, 403, 422, 422]),
        (post(&coverages, insure), [401, 201, 404, 403, 403, 403, 409]),
        (get(&coverages), [401, 200, 404, 403, 403, 403, 200]),
        (get(&coverage), [401, 200, 404, 403, 403, 403, 200]),
        (get("/v1/eligibility-checks"), [401, 403, 403, 403, 403, 403, 200]),
        (get("/v1/breakers"), [401, 403, 403, 403, 403, 200, 200]),
        (force, [401, 403, 403, 403, 403, 200, 200]),
    ];
    for ((method, path, body), expected) in rules {
        for ((who, person), status) in people.iter().chain(&staff).zip(expected) {
            let mut request = person.request(method.clone(), &path);
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = person.send(request).await?;
            let found = answer.status;
            ensure!(found == status, "{method} {path} by {who}: {found}, not {status}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_an_administrator_makes_administrators_and_the_first_comes_once() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let output = system.command(&["admin", "create"]).output().await?;
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("/v1/admin/users"), "it doesn't say what to do: {complaint}");
    assert!(!complaint.contains(ADMIN_EMAIL), "{complaint}");

    let admin = system.api().admin().await?;
    let body = json!({
        "email": "second@clinic.example",
        "password": "velvet otter quarry ninety",
        "role": "admin",
    });
    admin.post("/v1/admin/users", body).await?.expect(201)?;
    let second =
        system.api().sign_in("second@clinic.example", "velvet otter quarry ninety").await?;
    assert_eq!(second.get("/v1/me").await?.expect(200)?["role"], "admin");
    Ok(())
}

/// The parts of a token, decoded.
fn decode(token: &str) -> anyhow::Result<(Value, Value, String)> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { anyhow::bail!("no token") };
    let read = |part: &str| anyhow::Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?);
    Ok((read(header)?, read(claims)?, signature.to_owned()))
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn forged_tokens_open_nothing() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let (header, claims, signature) = decode(patient.token()?)?;
    assert_eq!(header["alg"], "EdDSA");
    let with = |part: &Value, field: &str, value: Value| {
        let mut part = part.clone();
        part[field] = value;
        encode(&part)
    };
    let (plain_header, plain_claims) = (encode(&header), encode(&claims));
    let admin = with(&claims, "role", json!("admin"));
    let forged = [
        format!("{plain_header}.{admin}.{signature}"),
        format!("{}.{admin}.", with(&header, "alg", json!("none"))),
        format!("{}.{plain_claims}.", with(&header, "alg", json!("none"))),
        format!("{}.{plain_claims}.{signature}", with(&header, "alg", json!("HS256"))),
        format!("{}.{plain_claims}.{signature}", with(&header, "alg", json!("RS256"))),
        format!("{}.{plain_claims}.{signature}", with(&header, "kid", json!("another"))),
        format!("{}.{plain_claims}.{signature}", with(&header, "typ", json!("JWT"))),
        format!("{plain_header}.{plain_claims}."),
        format!("{plain_header}.{plain_claims}"),
        patient.refresh_token.clone().context("a refresh token")?,
        "x".repeat(10_000),
        String::new(),
    ];
    for token in forged {
        let answer = patient.with_token(&token).get("/v1/me").await?;
        let shown: String = token.chars().take(40).collect();
        ensure!(answer.status == 401 || token.len() > 9_000, "{shown}: {}", answer.status);
        ensure!(answer.status >= 400, "{shown}");
    }
    patient.get("/v1/me").await?.expect(200)?;

    let keys = patient.get("/.well-known/jwks.json").await?.expect(200)?;
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);
    assert!(keys["keys"][0].get("d").is_none(), "the private part is published");
    Ok(())
}

#[tokio::test]
async fn an_expired_token_opens_nothing() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__ACCESS_TOKEN_S", "1")]).await?;
    let patient = system.api().new_patient().await?;
    let expired = || async { Ok(patient.get("/v1/me").await?.status == 401) };
    system.wait_until("the token expires", expired).await
}

#[tokio::test]
async fn guessing_a_password_gets_slower() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    for _ in 0..20 {
        let body = json!({ "email": ADMIN_EMAIL, "password": "not the right passphrase" });
        let answer = api.post("/v1/auth/login", body).await?;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            assert_eq!(answer.problem(429)?, "sign_in_delayed");
            return Ok(());
        }
        answer.problem(401)?;
    }
    anyhow::bail!("twenty guesses in a row were all answered at once")
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() -> anyhow::Result<()> {
    let settings = [("MC_API__CALLER_PER_S", "1"), ("MC_API__CALLER_BURST", "5")];
    let system = System::start_with(&settings).await?;
    let patient = system.api().new_patient().await?;
    for _ in 0..50 {
        let answer = patient.get("/v1/me").await?;
        assert!(
            answer.header("ratelimit").is_some() && answer.header("ratelimit-policy").is_some()
        );
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").context("when to come back")?.parse()?;
            assert!(wait >= 1);
            assert_eq!(answer.problem(429)?, "rate_limited");
            return Ok(());
        }
    }
    anyhow::bail!("fifty requests at once, with a limit of five, were all answered")
}
