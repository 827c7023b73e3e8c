//! Tokens that aren't what they claim, and limits. Who may do what is in `routes/`.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::{ADMIN_EMAIL, System};

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
