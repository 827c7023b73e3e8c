//! How passwords are changed and reset.

use anyhow::ensure;
use serde_json::json;
use testkit::{ADMIN_PASSWORD, Api, System};

use super::{PASSWORD, register, text, try_to_sign_in};

const NEW: &str = "quiet lantern 77 harbour";

async fn expect_signed_out(system: &System, person: &Api) -> anyhow::Result<()> {
    let is_out = || async { Ok(person.get("/v1/me").await?.status == 401) };
    system.wait_until("the session is refused", is_out).await
}

#[tokio::test]
async fn changing_a_password_needs_the_present_one_and_ends_other_sessions() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat.example@patients.example";
    register(&api, email).await?;
    let (here, elsewhere) =
        (api.sign_in(email, PASSWORD).await?, api.sign_in(email, PASSWORD).await?);
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        here.post("/v1/auth/password", body)
    };
    let wrong = change("not the right passphrase", NEW).await?;
    assert_eq!(wrong.problem(403)?, "wrong_password");
    for weak in ["short", "pat.example@patients", "1234567890123456"] {
        let refusal = change(PASSWORD, weak).await?;
        assert_eq!(refusal.problem(422)?, "invalid_body", "{weak}");
        assert_eq!(refusal.body["errors"][0]["pointer"], "/new_password");
    }
    change(PASSWORD, NEW).await?.expect_empty(204)?;
    here.get("/v1/me").await?.expect(200)?;
    expect_signed_out(&system, &elsewhere).await?;
    let refresh = json!({ "refresh_token": elsewhere.refresh_token });
    assert_eq!(api.post("/v1/auth/refresh", refresh).await?.status, 401);
    assert_eq!(try_to_sign_in(&api, email, PASSWORD).await?.status, 401);
    // The same letters, as another keyboard writes them.
    api.sign_in(email, "ｑuiet lantern 77 harbour").await?;
    Ok(())
}

#[tokio::test]
async fn guessing_the_present_password_of_an_open_session_gets_slower() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    for _ in 0..20 {
        let body = json!({ "current_password": "not the right passphrase", "new_password": NEW });
        let answer = patient.post("/v1/auth/password", body).await?;
        if answer.status == 429 {
            assert_eq!(answer.problem(429)?, "sign_in_delayed");
            return Ok(());
        }
        assert_eq!(answer.problem(403)?, "wrong_password");
    }
    anyhow::bail!("twenty guesses in a row were all answered at once")
}

#[tokio::test]
async fn item_10_an_administrator_permits_a_new_password_and_cannot_choose_it() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let email = "pat@patients.example";
    register(&api, email).await?;
    let patient = api.sign_in(email, PASSWORD).await?;
    let id = patient.id.clone().unwrap_or_default();
    let path = format!("/v1/admin/users/{id}/password-reset");
    let chosen = json!({ "password": NEW, "new_password": NEW });
    let first = admin.post(&path, chosen).await?.expect(201)?;
    assert_eq!(try_to_sign_in(&api, email, NEW).await?.status, 401, "somebody else chose it");
    api.sign_in(email, PASSWORD).await?;

    // A later permission replaces an earlier one, a refused password uses none up.
    let second = admin.post(&path, json!({})).await?.expect(201)?;
    let confirm = |token: &str, new: &str| {
        let body = json!({ "reset_token": token, "new_password": new });
        api.post("/v1/auth/password-reset/confirm", body)
    };
    let [first, second] = [text(&first, "reset_token")?, text(&second, "reset_token")?];
    assert_eq!(confirm(first, NEW).await?.problem(401)?, "invalid_reset_token");
    assert_eq!(confirm(second, "short").await?.problem(422)?, "invalid_body");
    confirm(second, NEW).await?.expect_empty(204)?;
    assert_eq!(confirm(second, NEW).await?.problem(401)?, "invalid_reset_token", "used twice");
    expect_signed_out(&system, &patient).await?;
    assert_eq!(try_to_sign_in(&api, email, PASSWORD).await?.status, 401);
    api.sign_in(email, NEW).await?;

    // An old permission counts no more.
    let third = admin.post(&path, json!({})).await?.expect(201)?;
    let database = system.database().await?;
    database.execute("UPDATE password_resets SET expires_at = now()", &[]).await?;
    let answer = confirm(text(&third, "reset_token")?, PASSWORD).await?;
    assert_eq!(answer.problem(401)?, "invalid_reset_token");
    let absent = format!("/v1/admin/users/{}/password-reset", uuid::Uuid::new_v4());
    assert_eq!(admin.post(&absent, json!({})).await?.problem(404)?, "not_found");
    let log = system.log("api");
    ensure!(!log.contains(first) && !log.contains(second), "a token is in the log");
    Ok(())
}

#[tokio::test]
async fn a_second_factor_survives_a_reset() -> anyhow::Result<()> {
    let system = System::start().await?;
    let admin = system.api().admin().await?;
    let id = admin.id.clone().unwrap_or_default();
    let begun = admin.post("/v1/second-factor/totp", json!({ "password": ADMIN_PASSWORD })).await?;
    let begun = begun.expect(201)?;
    let mut app = testkit::Authenticator::new(text(&begun, "secret")?)?;
    let code = json!({ "code": app.code().await });
    admin.post("/v1/second-factor/totp/confirm", code).await?.expect(200)?;
    let reset = admin.post(&format!("/v1/admin/users/{id}/password-reset"), json!({})).await?;
    let reset = reset.expect(201)?;
    let body = json!({ "reset_token": text(&reset, "reset_token")?, "new_password": NEW });
    system.api().post("/v1/auth/password-reset/confirm", body).await?.expect_empty(204)?;
    let answer = try_to_sign_in(&system.api(), testkit::ADMIN_EMAIL, NEW).await?;
    assert_eq!(answer.problem(401)?, "second_factor_required");
    Ok(())
}

#[tokio::test]
async fn whoever_forgot_their_password_is_told_once_however_often_they_ask() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    for _ in 0..3 {
        let body = json!({ "email": email });
        api.post("/v1/auth/password-reset", body).await?.expect(202)?;
        register(&api, email).await?;
    }
    let database = system.database().await?;
    let notices = "SELECT kind FROM account_notices JOIN users u ON u.id = user_id
                   WHERE email = $1 AND delivered_at IS NULL ORDER BY kind";
    let rows = database.query(notices, &[&email]).await?;
    let kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kinds, ["account.registration-repeated", "account.reset-requested"]);
    Ok(())
}
