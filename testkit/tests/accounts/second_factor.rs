//! Second factors: enrolment, sign-in, recovery, and their loss.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testkit::{ADMIN_EMAIL, ADMIN_PASSWORD, Api, Authenticator, System};

use super::{PASSWORD, register, text, try_to_sign_in};

/// Enrols whoever is signed in; their app and their recovery codes.
async fn enrol(person: &Api, password: &str) -> anyhow::Result<(Authenticator, Vec<String>)> {
    let begun = person.post("/v1/second-factor/totp", json!({ "password": password })).await?;
    let begun = begun.expect(201)?;
    ensure!(text(&begun, "uri")?.contains(text(&begun, "secret")?), "{begun}");
    let mut app = Authenticator::new(text(&begun, "secret")?)?;
    let code = json!({ "code": app.code().await });
    let confirmed = person.post("/v1/second-factor/totp/confirm", code).await?.expect(200)?;
    Ok((app, codes(&confirmed)?))
}

fn codes(body: &Value) -> anyhow::Result<Vec<String>> {
    let codes = body["recovery_codes"].as_array().context("a list")?;
    Ok(codes.iter().filter_map(|code| code.as_str().map(str::to_owned)).collect())
}

/// The first step of a sign-in; the token for the second.
async fn password_step(api: &Api, email: &str, password: &str) -> anyhow::Result<String> {
    let answer = try_to_sign_in(api, email, password).await?;
    ensure!(answer.problem(401)? == "second_factor_required", "{}", answer.text);
    Ok(text(&answer.body, "second_factor_token")?.to_owned())
}

#[tokio::test]
async fn item_08_staff_can_only_enrol_until_they_have_a_second_factor() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__SECOND_FACTOR", "required_for_staff")]).await?;
    let api = system.api();
    let signed_in = try_to_sign_in(&api, ADMIN_EMAIL, ADMIN_PASSWORD).await?.expect(200)?;
    assert_eq!(signed_in["second_factor_enrolment_required"], true);
    let admin = api.signed_in(signed_in)?;
    for path in ["/v1/admin/users", "/v1/me", "/v1/sessions", "/v1/audit"] {
        let refusal = admin.get(path).await?;
        assert_eq!(refusal.problem(403)?, "second_factor_enrolment_required", "{path}");
    }
    let before = admin.get("/v1/second-factor").await?.expect(200)?;
    assert_eq!((&before["required"], &before["enrolled"]), (&json!(true), &json!(false)));

    let wrong = json!({ "password": "not the right passphrase" });
    let refusal = admin.post("/v1/second-factor/totp", wrong).await?;
    assert_eq!(refusal.problem(403)?, "wrong_password");
    let (mut app, codes) = enrol(&admin, ADMIN_PASSWORD).await?;
    assert_eq!(codes.len(), 10);
    let again = admin.post("/v1/second-factor/totp", json!({ "password": ADMIN_PASSWORD })).await?;
    assert_eq!(again.problem(409)?, "second_factor_enrolled");

    // The token stays what it was; its successor can do everything.
    assert_eq!(admin.get("/v1/me").await?.status, 403);
    let refresh = json!({ "refresh_token": admin.refresh_token });
    let admin = api.signed_in(api.post("/v1/auth/refresh", refresh).await?.expect(200)?)?;
    admin.get("/v1/admin/users").await?.expect(200)?;

    // From now on a password is half of it.
    let token = password_step(&api, ADMIN_EMAIL, ADMIN_PASSWORD).await?;
    assert_eq!(api.with_token(&token).get("/v1/me").await?.status, 401);
    let finish = json!({ "second_factor_token": token, "code": app.code().await });
    let admin = api.signed_in(api.post("/v1/auth/second-factor", finish).await?.expect(200)?)?;
    admin.get("/v1/admin/users").await?.expect(200)?;

    // Patients may have one, and need none.
    api.new_patient().await?.get("/v1/me").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_code_counts_once_and_so_does_the_step_before_it() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    let (mut app, _) = enrol(&api.sign_in(email, PASSWORD).await?, PASSWORD).await?;

    let token = password_step(&api, email, PASSWORD).await?;
    let finish = |token: &str, code: &str| {
        let body = json!({ "second_factor_token": token, "code": code });
        api.post("/v1/auth/second-factor", body)
    };
    let code = app.code().await;
    let wrong = finish(&token, &app.wrong_code()).await?;
    assert_eq!(wrong.problem(401)?, "invalid_second_factor");
    finish(&token, &code).await?.expect(200)?;
    // The same step token, then the same code with another.
    assert_eq!(finish(&token, &code).await?.problem(401)?, "invalid_second_factor");
    let token = password_step(&api, email, PASSWORD).await?;
    assert_eq!(finish(&token, &code).await?.problem(401)?, "invalid_second_factor");
    finish(&token, &app.code().await).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn guessing_codes_needs_the_password_again_and_gets_slower() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    let (app, _) = enrol(&api.sign_in(email, PASSWORD).await?, PASSWORD).await?;
    let token = password_step(&api, email, PASSWORD).await?;
    let guess = |token: &str| {
        let body = json!({ "second_factor_token": token, "code": app.wrong_code() });
        api.post("/v1/auth/second-factor", body)
    };
    for _ in 0..5 {
        assert_eq!(guess(&token).await?.problem(401)?, "invalid_second_factor");
    }
    let database = system.database().await?;
    let left = "SELECT count(*) FROM sign_in_challenges";
    assert_eq!(database.query_one(left, &[]).await?.get::<_, i64>(0), 0);
    let token = password_step(&api, email, PASSWORD).await?;
    let mut delayed = false;
    for _ in 0..5 {
        let answer = guess(&token).await?;
        delayed |= answer.status == 429 && answer.problem(429)? == "sign_in_delayed";
    }
    ensure!(delayed, "ten guesses in a row were all answered at once");
    Ok(())
}

#[tokio::test]
async fn recovery_codes_count_once_and_new_ones_replace_them() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    let patient = api.sign_in(email, PASSWORD).await?;
    let (mut app, codes_before) = enrol(&patient, PASSWORD).await?;
    let recover = async |code: &str| {
        let token = password_step(&api, email, PASSWORD).await?;
        let body = json!({ "second_factor_token": token, "recovery_code": code });
        api.post("/v1/auth/second-factor", body).await
    };
    let typed = codes_before[0].to_uppercase().replace('-', " ");
    let patient = api.signed_in(recover(&typed).await?.expect(200)?)?;
    assert_eq!(recover(&codes_before[0]).await?.problem(401)?, "invalid_second_factor");
    let left = patient.get("/v1/second-factor").await?.expect(200)?;
    assert_eq!(left["recovery_codes"], 9);

    let path = "/v1/second-factor/recovery-codes";
    let both = json!({ "code": "123456", "recovery_code": codes_before[1] });
    assert_eq!(patient.post(path, both).await?.problem(422)?, "invalid_body");
    let renewed = patient.post(path, json!({ "code": app.code().await })).await?.expect(200)?;
    let renewed = codes(&renewed)?;
    assert_eq!(recover(&codes_before[1]).await?.problem(401)?, "invalid_second_factor");
    recover(&renewed[0]).await?.expect(200)?;

    // Whoever has password and code may go without.
    let without = json!({ "password": PASSWORD, "recovery_code": renewed[1] });
    patient.post("/v1/second-factor/remove", without).await?.expect_empty(204)?;
    api.sign_in(email, PASSWORD).await?.get("/v1/me").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn an_administrator_helps_whoever_lost_everything_but_not_themselves() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let email = "pat@patients.example";
    register(&api, email).await?;
    let patient = api.sign_in(email, PASSWORD).await?;
    enrol(&patient, PASSWORD).await?;
    let path = |person: &Api| {
        let id = person.id.clone().unwrap_or_default();
        format!("/v1/admin/users/{id}/second-factor/remove")
    };
    let own = admin.post(&path(&admin), json!({})).await?;
    assert_eq!(own.problem(409)?, "own_account");
    admin.post(&path(&patient), json!({})).await?.expect_empty(204)?;
    assert_eq!(patient.get("/v1/me").await?.status, 401, "a session outlived its second factor");
    api.sign_in(email, PASSWORD).await?;
    assert_eq!(admin.post(&path(&patient), json!({})).await?.problem(404)?, "not_found");
    Ok(())
}
