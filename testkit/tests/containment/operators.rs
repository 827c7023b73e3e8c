//! Operators decide, and every worker follows.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::scene::{BAD, GOOD, Scene, payer};

async fn breaker(scene: &Scene, arguments: &[&str]) -> anyhow::Result<(i32, String, String)> {
    let url = format!("http://{}", scene.system.listen());
    let mut command = scene.system.command(&["breaker"]);
    let output = command.args(arguments).args(["--url", &url]).output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().context("it was killed")?;
    Ok((code, text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn a_payer_that_is_forced_open_is_not_asked_until_it_is_released() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let why = ["--reason", "the insurer asked us to stop"];
    let force = [&["force", BAD, "open"][..], &why].concat();
    let (code, _, complaint) = breaker(&scene, &force).await?;
    ensure!(code == 0, "{complaint}");
    // It started later, and follows all the same.
    scene.start_eligibility().await?;
    let report = scene.start_day()?.report().await?;
    scene.wait_for_all(GOOD, &["active"]).await?;
    scene.wait_for_all(BAD, &["pending_verification"]).await?;
    let calls = scene.insurer.calls_of(&payer(BAD)?).await?.totals.calls;
    ensure!(calls == 0, "it was asked {calls} times");

    let told = || async {
        let (code, list, complaint) = breaker(&scene, &["list", "--json"]).await?;
        ensure!(code == 0, "{complaint}");
        let list: Value = serde_json::from_str(&list)?;
        let items = list["items"].as_array().context("a list")?;
        let found = items.iter().find(|it| it["payer"] == BAD).context("the forced one")?;
        ensure!(found["control"] == "forced_open", "{found}");
        ensure!(found["decision"]["reason"] == why[1], "{found}");
        Ok(found["replicas"][0]["state"] == "forced_open")
    };
    scene.system.wait_until("the worker says how its breaker stands", told).await?;

    let release = ["force", BAD, "automatic", "--reason", "they are back"];
    let (code, _, complaint) = breaker(&scene, &release).await?;
    ensure!(code == 0, "{complaint}");
    scene.wait_for_all(BAD, &["active"]).await?;
    scene.check_the_end(&report).await
}

#[tokio::test]
async fn only_operators_and_administrators_decide() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let patient = scene.system.api().new_patient().await?;
    let body = json!({ "control": "forced_open", "reason": "just because" });
    let path = format!("/v1/breakers/{BAD}");
    let put = |person: &testkit::Api, body: &Value| {
        let request = person.request(reqwest::Method::PUT, &path).json(body);
        let person = person.clone();
        async move { person.send(request).await }
    };
    ensure!(put(&patient, &body).await?.problem(403)? == "forbidden");
    let admin = scene.system.api().admin().await?;
    for wrong in [
        json!({ "control": "open", "reason": "just because" }),
        json!({ "control": "forced_open" }),
        json!({ "control": "forced_open", "reason": "x" }),
    ] {
        ensure!(put(&admin, &wrong).await?.problem(422)? == "invalid_body", "{wrong}");
    }
    let shown = put(&admin, &body).await?.expect(200)?;
    ensure!(shown["control"] == "forced_open" && shown["replicas"] == json!([]), "{shown}");
    Ok(())
}
