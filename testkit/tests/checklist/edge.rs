//! The edge of the API: headers, other origins, and what isn't public.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::json;
use testkit::{System, TestDatabase};

#[tokio::test]
async fn item_09_there_is_nobody_in_a_new_database() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let users = "SELECT count(*) FROM users";
    let users: i64 = database.admin().await?.query_one(users, &[]).await?.get(0);
    assert_eq!(users, 0, "migrations make accounts");
    Ok(())
}

#[tokio::test]
async fn item_19_there_are_no_cookies_to_forge_requests_with() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    let register = json!({
        "email": email,
        "password": "a long enough passphrase",
        "name": { "given": "Pat", "family": "Example" },
        "birth_date": "1980-02-29",
    });
    let login = json!({ "email": email, "password": "a long enough passphrase" });
    let registered = api.post("/v1/auth/register", register).await?;
    let signed_in = api.post("/v1/auth/login", login).await?;
    let refresh = json!({ "refresh_token": signed_in.body["refresh_token"] });
    let refreshed = api.post("/v1/auth/refresh", refresh).await?;
    for answer in [&registered, &signed_in, &refreshed] {
        ensure!((200..300).contains(&answer.status), "{}", answer.text);
        ensure!(answer.header("set-cookie").is_none(), "a cookie");
    }
    // Nothing but the header counts.
    let token = refreshed.body["access_token"].as_str().context("a token")?;
    for cookie in [format!("access_token={token}"), format!("__Host-session={token}")] {
        let request = api.request(Method::GET, "/v1/me").header("cookie", cookie);
        assert_eq!(api.send(request).await?.status, 401);
    }
    assert_eq!(api.get(&format!("/v1/me?access_token={token}")).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn item_30_browsers_are_told_to_run_frame_guess_and_keep_nothing() -> anyhow::Result<()> {
    let settings = [("MC_API__PUBLIC_URL", "https://clinic.example")];
    let system = System::start_with(&settings).await?;
    let patient = system.api().new_patient().await?;
    for path in ["/v1/me", "/v1/appointments", "/v1/nothing", "/healthz"] {
        let answer = patient.get(path).await?;
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'"] {
            ensure!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        let https = header("strict-transport-security");
        ensure!(https.contains("max-age=31536000"), "{path}: {https}");
    }
    // The page with scripts of its own runs no others.
    let docs = patient.get("/docs").await?;
    let policy = docs.header("content-security-policy").unwrap_or_default();
    for part in ["script-src 'self'", "base-uri 'none'", "default-src 'none'"] {
        ensure!(policy.contains(part), "{policy}");
    }
    ensure!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
    Ok(())
}

#[tokio::test]
async fn item_31_no_other_origin_may_read_answers() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    for origin in ["https://elsewhere.example", "null", "http://127.0.0.1:3000"] {
        let asked = patient.request(Method::GET, "/v1/me").header("origin", origin);
        let preflight = patient
            .request(Method::OPTIONS, "/v1/me")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        for request in [asked, preflight] {
            let answer = patient.send(request).await?;
            let allowed =
                answer.headers.keys().find(|name| name.as_str().contains("access-control"));
            ensure!(allowed.is_none(), "{origin}: {allowed:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn item_35_a_failure_says_nothing_of_what_is_inside() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let database = system.database().await?;
    database.execute("ALTER TABLE practitioners RENAME COLUMN specialty TO renamed", &[]).await?;
    let answer = patient.get("/v1/doctors").await?;
    assert_eq!(answer.problem(500)?, "internal");
    for word in ["specialty", "practitioners", "column", "does not exist", "SELECT", "42703", ".rs"]
    {
        ensure!(!answer.text.contains(word), "it says {word}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn item_44_metrics_and_documentation_are_not_public_by_themselves() -> anyhow::Result<()> {
    // An empty variable counts as not set.
    let system = System::start_with(&[("MC_API__SERVE_DOCS", "")]).await?;
    let admin = system.api().admin().await?;
    for path in
        ["/metrics", "/openapi.json", "/docs", "/docs/", "/", "/debug", "/debug/pprof", "/status"]
    {
        for person in [&system.api(), &admin] {
            assert_eq!(person.get(path).await?.problem(404)?, "not_found", "{path}");
        }
    }
    ensure!(system.api_metrics().await?.contains("mediconnect_"), "not even for those who may");
    Ok(())
}
