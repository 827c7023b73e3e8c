//! Sessions: seen, ended by their owner, and ended from elsewhere, in every process of api.

use anyhow::{Context as _, ensure};
use serde_json::json;
use testkit::{Api, System};

use super::{PASSWORD, register, text};

/// Until the other instance refuses the person's token, too.
async fn expect_out_at(system: &System, other: &Api, person: &Api) -> anyhow::Result<()> {
    let there = other.with_token(person.token()?);
    let is_out = || async { Ok(there.get("/v1/me").await?.status == 401) };
    system.wait_until("the other instance refuses the session", is_out).await
}

#[tokio::test]
async fn item_17_what_ends_a_session_ends_it_at_every_instance_within_seconds() -> anyhow::Result<()>
{
    let mut system = System::start().await?;
    let other = system.start_another_api().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let operator = json!({
        "email": "operator@clinic.example",
        "password": "grumpy walnut tram forty",
        "role": "operator",
    });
    admin.post("/v1/admin/users", operator).await?.expect(201)?;
    let sign_in = || api.sign_in("operator@clinic.example", "grumpy walnut tram forty");

    // Signing out everywhere.
    let (one, another) = (sign_in().await?, sign_in().await?);
    for session in [&one, &another] {
        other.with_token(session.token()?).get("/v1/me").await?.expect(200)?;
    }
    one.send(one.request(reqwest::Method::DELETE, "/v1/sessions")).await?.expect_empty(204)?;
    expect_out_at(&system, &other, &one).await?;
    expect_out_at(&system, &other, &another).await?;

    // Another role.
    let operator = sign_in().await?;
    let user = format!("/v1/admin/users/{}", operator.id.as_deref().context("an id")?);
    let role = admin.request(reqwest::Method::PUT, &format!("{user}/role"));
    admin.send(role.json(&json!({ "role": "admin" }))).await?.expect_empty(204)?;
    expect_out_at(&system, &other, &operator).await?;
    let promoted = sign_in().await?;
    assert_eq!(promoted.get("/v1/me").await?.expect(200)?["role"], "admin");

    // A new password, for the sessions that didn't ask for it.
    let bystander = sign_in().await?;
    let body = json!({
        "current_password": "grumpy walnut tram forty",
        "new_password": "quiet lantern 77 harbour",
    });
    promoted.post("/v1/auth/password", body).await?.expect_empty(204)?;
    expect_out_at(&system, &other, &bystander).await?;
    other.with_token(promoted.token()?).get("/v1/me").await?.expect(200)?;

    // A disabled account.
    admin.post(&format!("{user}/disable"), json!({})).await?.expect_empty(204)?;
    expect_out_at(&system, &other, &promoted).await?;
    let refresh = json!({ "refresh_token": promoted.refresh_token });
    assert_eq!(other.post("/v1/auth/refresh", refresh).await?.status, 401);
    let again = || api.sign_in("operator@clinic.example", "quiet lantern 77 harbour");
    ensure!(again().await.is_err(), "a disabled account signs in");
    admin.post(&format!("{user}/enable"), json!({})).await?.expect_empty(204)?;
    again().await?;
    Ok(())
}

#[tokio::test]
async fn nobody_disables_or_demotes_themselves_or_somebody_with_data_of_a_role()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let (admin, patient) = (api.admin().await?, api.new_patient().await?);
    let user = |person: &Api| format!("/v1/admin/users/{}", person.id.clone().unwrap_or_default());
    let own = admin.post(&format!("{}/disable", user(&admin)), json!({})).await?;
    assert_eq!(own.problem(409)?, "own_account");
    let change = async |path: &str| {
        let request = admin.request(reqwest::Method::PUT, &format!("{path}/role"));
        admin.send(request.json(&json!({ "role": "operator" }))).await
    };
    assert_eq!(change(&user(&admin)).await?.problem(409)?, "own_account");
    assert_eq!(change(&user(&patient)).await?.problem(409)?, "unsuitable_role");
    let absent = format!("/v1/admin/users/{}/disable", uuid::Uuid::new_v4());
    assert_eq!(admin.post(&absent, json!({})).await?.problem(404)?, "not_found");
    Ok(())
}

#[tokio::test]
async fn item_18_sessions_are_listed_and_ended_one_by_one() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    let here = api.sign_in(email, PASSWORD).await?;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let login = api.request(reqwest::Method::POST, "/v1/auth/login").header("user-agent", agent);
    let login = login.json(&json!({ "email": email, "password": PASSWORD }));
    let there = api.signed_in(api.send(login).await?.expect(200)?)?;

    let listed = here.get("/v1/sessions").await?.expect(200)?;
    let items = listed["items"].as_array().context("a list")?;
    assert_eq!(items.len(), 2, "{listed}");
    let other = items.iter().find(|item| item["current"] == false).context("the other one")?;
    assert_eq!(other["client"], "Firefox on Linux");
    let path = format!("/v1/sessions/{}", text(other, "id")?);
    let end = async |person: &Api, path: &str| {
        person.send(person.request(reqwest::Method::DELETE, path)).await
    };
    let stranger = api.new_patient().await?;
    assert_eq!(end(&stranger, &path).await?.problem(404)?, "not_found");
    there.get("/v1/me").await?.expect(200)?;
    end(&here, &path).await?.expect_empty(204)?;
    assert_eq!(there.get("/v1/me").await?.status, 401);
    let refresh = json!({ "refresh_token": there.refresh_token });
    assert_eq!(api.post("/v1/auth/refresh", refresh).await?.status, 401);
    assert_eq!(end(&here, &path).await?.problem(404)?, "not_found", "it has ended already");
    let listed = here.get("/v1/sessions").await?.expect(200)?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_its_time_is_over() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__SESSION_IDLE_S", "3000")]).await?;
    let api = system.api();
    let database = system.database().await?;
    for change in ["last_used_at = now() - interval '3001 s'", "expires_at = now()"] {
        let patient = api.new_patient().await?;
        let refresh = |token: &Option<String>| {
            api.post("/v1/auth/refresh", json!({ "refresh_token": token }))
        };
        // In use, it goes on.
        let patient = api.signed_in(refresh(&patient.refresh_token).await?.expect(200)?)?;
        let id = patient.id.as_deref().context("an id")?;
        let update = format!("UPDATE sessions SET {change} WHERE user_id = '{id}'");
        assert_eq!(database.execute(&update, &[]).await?, 1);
        let refused = refresh(&patient.refresh_token).await?;
        assert_eq!(refused.problem(401)?, "invalid_refresh_token", "{change}");
        let listed = patient.get("/v1/sessions").await?.expect(200)?;
        assert_eq!(listed["items"], json!([]), "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn item_16_of_two_refreshes_at_once_one_wins_and_nobody_is_signed_out() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let api = system.api();
    let mut patient = api.new_patient().await?;
    let mut raced = 0;
    for _ in 0..10 {
        let refresh = json!({ "refresh_token": patient.refresh_token });
        let (one, other) = tokio::join!(
            api.post("/v1/auth/refresh", refresh.clone()),
            api.post("/v1/auth/refresh", refresh.clone()),
        );
        let (one, other) = (one?, other?);
        let (winner, loser) = if one.status == 200 { (one, other) } else { (other, one) };
        patient = api.signed_in(winner.expect(200)?)?;
        if loser.status == 409 {
            assert_eq!(loser.problem(409)?, "already_refreshed");
            patient.get("/v1/me").await?.expect(200)?;
            raced += 1;
        } else {
            // It came after the other was answered: that is a second use.
            assert_eq!(loser.problem(401)?, "invalid_refresh_token");
            patient = api.new_patient().await?;
        }
    }
    ensure!(raced > 0, "no two of them met");
    Ok(())
}
