//! What clients report of their own errors.

use anyhow::ensure;
use reqwest::Method;
use serde_json::json;
use testkit::System;

use super::counter;

#[tokio::test]
async fn what_a_client_met_is_counted_and_logged_without_a_word_of_anybody() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (api, patient) = (system.api(), system.api().new_patient().await?);
    let canary = "canary.person@patients.example 1815-12-10";
    let followed = uuid::Uuid::new_v4();
    let report = json!({
        "name": "TypeError",
        "message": format!("{canary} is undefined"),
        "stack": format!("TypeError: {canary}\n  at f (https://clinic.example/page-3f.js?q={canary}:1:23)\n  at g (https://clinic.example/app-77.js:4:5)"),
        "route": "/patients/Canaryname/coverages?email=canary.person@patients.example",
        "release": "1.4.2",
        "correlation_id": followed,
    });
    let id = uuid::Uuid::new_v4().to_string();
    let request = api.request(Method::POST, "/v1/client-errors").header("x-correlation-id", &id);
    api.send(request.json(&report)).await?.expect_empty(204)?;
    patient.post("/v1/client-errors", json!({ "name": canary })).await?.expect_empty(204)?;

    let metrics = system.api_metrics().await?;
    let of =
        |name| counter(&metrics, &format!("mediconnect_client_errors_total{{error=\"{name}\"}}"));
    assert_eq!((of("TypeError"), of("other")), (1, 1));
    let log = system.log("api");
    let line = log.lines().find(|line| line.contains("a client met an error"));
    let line = line.unwrap_or_default();
    for part in ["app-77.js:4:5", "/patients/{}/coverages", "1.4.2", &followed.to_string(), &id] {
        ensure!(line.contains(part), "no {part} in {line}");
    }
    for part in ["canary", "Canary", "1815"] {
        ensure!(!log.contains(part) && !metrics.contains(part), "{part} was kept");
    }
    Ok(())
}

#[tokio::test]
async fn reports_are_bounded_in_size_and_number() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (api, patient) = (system.api(), system.api().new_patient().await?);
    let long = json!({ "name": "Error", "stack": "x".repeat(100_000) });
    assert_eq!(api.post("/v1/client-errors", long).await?.problem(413)?, "body_too_large");
    let odd = json!({ "name": "Error", "cookies": "a=b" });
    assert_eq!(api.post("/v1/client-errors", odd).await?.problem(422)?, "invalid_body");
    let mut refused = 0;
    for _ in 0..20 {
        let answer = api.post("/v1/client-errors", json!({ "name": "Error" })).await?;
        if answer.status == 429 {
            assert_eq!(answer.problem(429)?, "rate_limited");
            ensure!(answer.header("retry-after").is_some(), "it doesn't say when to come back");
            refused += 1;
        }
    }
    ensure!(refused > 0, "twenty reports at once were all taken");
    // Whoever is signed in has a limit of their own.
    patient.post("/v1/client-errors", json!({ "name": "Error" })).await?.expect_empty(204)?;
    Ok(())
}
