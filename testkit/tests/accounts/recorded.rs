//! What is done to accounts is in the audit log, and only administrators do it to others'.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, System};

use super::{PASSWORD, register};

async fn row_of(system: &System, admin: &Api, answer: &Answer) -> anyhow::Result<Value> {
    let id = answer.header("x-correlation-id").context("every answer has one")?;
    let path = format!("/v1/audit?correlation_id={id}");
    let rows = || async {
        let page = admin.get(&path).await?.expect(200)?;
        Ok::<_, anyhow::Error>(page["items"].as_array().context("a list")?.clone())
    };
    let recorded = || async { Ok(!rows().await?.is_empty()) };
    system.wait_until("it is recorded", recorded).await?;
    let rows = rows().await?;
    ensure!(rows.len() == 1, "{rows:#?}");
    Ok(rows[0].clone())
}

#[tokio::test]
async fn what_is_done_to_accounts_is_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.start_audit()?;
    let api = system.api();
    let admin = api.admin().await?;
    let email = "pat@patients.example";
    register(&api, email).await?;
    let patient = api.sign_in(email, PASSWORD).await?;
    let user = patient.id.clone().context("an id")?;
    let by_admin =
        async |what: &str| admin.post(&format!("/v1/admin/users/{user}/{what}"), json!({})).await;
    for what in ["password-reset", "disable", "enable"] {
        let row = row_of(&system, &admin, &by_admin(what).await?).await?;
        assert_eq!(
            (&row["kind"], &row["outcome"]),
            (&json!("administration"), &json!(0)),
            "{what}"
        );
        assert_eq!((&row["user_id"], &row["resource_id"]), (&json!(admin.id), &json!(user)));
    }
    let patient = api.sign_in(email, PASSWORD).await?;
    let wrong = json!({ "current_password": "not the right one", "new_password": "x" });
    let row = row_of(&system, &admin, &patient.post("/v1/auth/password", wrong).await?).await?;
    assert_eq!((&row["kind"], &row["reason"]), (&json!("denial"), &json!("wrong_password")));
    let change =
        json!({ "current_password": PASSWORD, "new_password": "quiet lantern 77 harbour" });
    let row = row_of(&system, &admin, &patient.post("/v1/auth/password", change).await?).await?;
    assert_eq!((&row["kind"], &row["user_id"]), (&json!("administration"), &json!(user)));
    let everywhere = patient.request(Method::DELETE, "/v1/sessions");
    let row = row_of(&system, &admin, &patient.send(everywhere).await?).await?;
    assert_eq!((&row["kind"], &row["user_id"]), (&json!("sign-out"), &json!(user)));

    // The answer to a repeated registration tells nothing; the record does.
    let again = json!({
        "email": email,
        "password": "another long passphrase",
        "name": { "given": "Pat", "family": "Example" },
        "birth_date": "1980-02-29",
    });
    let answer = api.post("/v1/auth/register", again).await?;
    assert_eq!(answer.status, 202);
    let row = row_of(&system, &admin, &answer).await?;
    let fields = [&row["kind"], &row["reason"], &row["outcome"]];
    assert_eq!(fields, [&json!("registration"), &json!("email_taken"), &json!(4)]);
    Ok(())
}

#[tokio::test]
async fn only_administrators_change_other_peoples_accounts() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let form = json!({
        "email": "operator@clinic.example",
        "password": "grumpy walnut tram forty",
        "role": "operator",
    });
    admin.post("/v1/admin/users", form).await?.expect(201)?;
    let operator = api.sign_in("operator@clinic.example", "grumpy walnut tram forty").await?;
    let (doctor, patient) = (api.new_unapproved_doctor(&admin).await?, api.new_patient().await?);
    let absent = uuid::Uuid::new_v4();
    for target in [admin.id.clone().unwrap_or_default(), absent.to_string()] {
        let user = format!("/v1/admin/users/{target}");
        let changes = ["disable", "enable", "password-reset", "second-factor/remove"];
        let changes = changes.map(|what| (Method::POST, format!("{user}/{what}"), json!({})));
        let role = (Method::PUT, format!("{user}/role"), json!({ "role": "operator" }));
        for (method, path, body) in changes.into_iter().chain([role]) {
            let ask = |person: &Api| person.request(method.clone(), &path).json(&body);
            assert_eq!(api.send(ask(&api)).await?.status, 401, "{path}");
            for person in [&operator, &doctor, &patient] {
                let refusal = person.send(ask(person)).await?;
                assert_eq!(refusal.problem(403)?, "forbidden", "{path}");
            }
        }
    }
    admin.get("/v1/me").await?.expect(200)?;
    Ok(())
}
