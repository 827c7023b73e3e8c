//! Nobody learns who has an account: the same answers, after the same work. Work is counted and not
//! timed: hashes by api's own metrics, statements by PostgreSQL's.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::{Value, json};
use testkit::{Answer, System};

use super::{PASSWORD, counter, register, try_to_sign_in};

/// What somebody outside can see of an answer, but for its time and the request's own id.
fn seen(answer: &Answer) -> (u16, Value, BTreeSet<String>) {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("correlation_id");
    }
    let headers = answer.headers.keys().map(ToString::to_string).collect();
    (answer.status, body, headers)
}

/// Hashes that api has computed: to check, to keep.
async fn hashes(system: &System) -> anyhow::Result<[u64; 2]> {
    let metrics = system.api_metrics().await?;
    let of = |purpose| {
        counter(&metrics, &format!("mediconnect_password_hashes_total{{purpose=\"{purpose}\"}}"))
    };
    Ok([of("check"), of("keep")])
}

#[tokio::test]
async fn item_07_signing_in_answers_the_same_after_the_same_work() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    register(&api, "known@patients.example").await?;
    register(&api, "disabled@patients.example").await?;
    let disabled = api.sign_in("disabled@patients.example", PASSWORD).await?;
    let id = disabled.id.unwrap_or_default();
    admin.post(&format!("/v1/admin/users/{id}/disable"), json!({})).await?.expect_empty(204)?;

    let mut all = Vec::new();
    // Far enough to see the waits begin.
    for _ in 0..7 {
        for email in
            ["known@patients.example", "unknown@patients.example", "disabled@patients.example"]
        {
            let [checked, _] = hashes(&system).await?;
            let answer = try_to_sign_in(&api, email, "not the right passphrase").await?;
            let work = hashes(&system).await?[0] - checked;
            ensure!(work == u64::from(answer.status == 401), "{email}: {work} hashes");
            all.push(seen(&answer));
        }
    }
    for (number, three) in all.chunks(3).enumerate() {
        assert_eq!(three[0], three[1], "attempt {number}: unknown looks different");
        assert_eq!(three[0], three[2], "attempt {number}: disabled looks different");
    }
    assert_eq!((all[0].0, all[18].0), (401, 429));
    // A right password of a disabled account tells nothing either.
    register(&api, "late@patients.example").await?;
    let late = api.sign_in("late@patients.example", PASSWORD).await?.id.unwrap_or_default();
    admin.post(&format!("/v1/admin/users/{late}/disable"), json!({})).await?.expect_empty(204)?;
    let right = try_to_sign_in(&api, "late@patients.example", PASSWORD).await?;
    assert_eq!(seen(&right), all[0]);
    Ok(())
}

#[tokio::test]
async fn item_07_registering_answers_the_same_after_the_same_work() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    register(&api, "known@patients.example").await?;
    let mut answers = Vec::new();
    for email in ["known@patients.example", "unknown@patients.example"] {
        let before = hashes(&system).await?;
        let body = json!({
            "email": email,
            "password": "another long passphrase",
            "name": { "given": "Some", "family": "Body" },
            "birth_date": "1990-02-28",
        });
        let answer = api.post("/v1/auth/register", body).await?;
        let after = hashes(&system).await?;
        assert_eq!([after[0] - before[0], after[1] - before[1]], [0, 1], "{email}");
        answers.push(seen(&answer));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 202);
    // The account stays whose it was.
    api.sign_in("known@patients.example", PASSWORD).await?;
    let other = try_to_sign_in(&api, "known@patients.example", "another long passphrase").await?;
    assert_eq!(other.status, 401);
    api.sign_in("unknown@patients.example", "another long passphrase").await?;
    Ok(())
}

#[tokio::test]
async fn item_07_asking_for_a_reset_answers_the_same_after_the_same_work() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    register(&api, "known@patients.example").await?;
    let mut answers = Vec::new();
    for email in ["known@patients.example", "unknown@patients.example"] {
        let before = hashes(&system).await?;
        let answer = api.post("/v1/auth/password-reset", json!({ "email": email })).await?;
        assert_eq!(hashes(&system).await?, before);
        answers.push(seen(&answer));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 202);
    Ok(())
}
