//! Every route × every role × own, other's and absent ids, against the real server. What is expected
//! is one table, `table.rs`; a route of `docs/openapi.json` that isn't in it fails here.

mod scene;
mod table;

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::Value;

use scene::{Person, Scene};
use table::{Row, Whose};

/// What each route is in the API's description.
fn described() -> anyhow::Result<BTreeSet<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let description: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut operations = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().context("paths")? {
        for method in methods.as_object().context("methods")?.keys() {
            operations.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    ensure!(operations.len() >= 40, "the description has another form now");
    Ok(operations)
}

#[test]
fn every_route_of_the_description_is_in_the_table() -> anyhow::Result<()> {
    let listed: BTreeSet<String> =
        table::rows().iter().map(|row| row.operation.to_owned()).collect();
    let described = described()?;
    let missing: Vec<_> = described.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&described).collect();
    ensure!(
        missing.is_empty() && unknown.is_empty(),
        "testkit/tests/routes/table.rs: add a row for each of {missing:#?}, remove {unknown:#?}"
    );
    Ok(())
}

/// Asks for one row as one person, and says what is not as it should be.
async fn ask(
    scene: &Scene,
    row: &Row,
    person: &Person,
    whose: Whose,
) -> anyhow::Result<Option<String>> {
    let fill = |text: &str| scene.fill(text, row.thing, person, whose);
    let (method, path) = row.operation.split_once(' ').context("a method and a path")?;
    let path = fill(&path.replace("{id}", "$id").replace("{payer}", "00042"))
        .replace("{name}", "not_found")
        .replace("{date}", "2027-03-01");
    let query = row.query.map(|query| format!("?{}", fill(query))).unwrap_or_default();
    let mut request = person.api.request(Method::try_from(method)?, &format!("{path}{query}"));
    if let Some(body) = row.body {
        let body: Value = serde_json::from_str(&fill(body))
            .with_context(|| format!("the body of {} is JSON", row.operation))?;
        request = request.json(&body);
    }
    for (name, value) in row.headers {
        request = request.header(*name, *value);
    }
    let answer = person.api.send(request).await?;
    let expected = row.expected(person.role, whose);
    let asked = format!("{} as {}, {whose:?}", row.operation, person.name);
    if answer.status != expected {
        let text: String = answer.text.chars().take(160).collect();
        return Ok(Some(format!("{asked}: {}, not {expected}: {text}", answer.status)));
    }
    let leaked =
        scene.secrets_from(person).into_iter().find(|it| answer.text.contains(it.as_str()));
    Ok(leaked.map(|secret| format!("{asked}: the answer says {secret}")))
}

#[tokio::test]
async fn every_route_answers_each_role_as_the_table_says() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let (mut asked, mut wrong) = (0, Vec::new());
    for row in table::rows() {
        for person in &scene.people {
            for whose in row.relations() {
                asked += 1;
                wrong.extend(ask(&scene, &row, person, *whose).await?);
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
