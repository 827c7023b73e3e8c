//! The runbook's commands, run as they stand there, on a deployment in which that has failed which
//! they are for. There are no containers here, so each form of `docker compose` is done to the
//! processes that stand for them; a form that isn't known fails the test.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use async_nats::{ConnectOptions, jetstream};
use testkit::Deployment;
use tokio::process::Command;

const EAGER: [(&str, &str); 2] =
    [("MC_BOOKING__LEDGER_PERIOD_MS", "500"), ("MC_NATS__ACK_WAIT_MS", "2000")];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A block of commands, and what their output holds.
#[derive(Debug, Default)]
struct Step {
    commands: Vec<String>,
    expected: Vec<String>,
}

/// The steps of each section, in the order of the runbook.
fn sections() -> anyhow::Result<Vec<(String, Vec<Step>)>> {
    let text = std::fs::read_to_string(checkout().join("docs/RUNBOOK.md"))?;
    let mut sections: Vec<(String, Vec<Step>)> = Vec::new();
    let mut block = None;
    for line in text.lines() {
        match (line, block) {
            ("```sh" | "```text", None) => {
                block = Some(line);
                if line == "```sh" {
                    let (_, steps) = sections.last_mut().context("a block before any section")?;
                    steps.push(Step::default());
                }
            }
            ("```", Some(_)) => block = None,
            (line, Some(kind)) => {
                let (_, steps) = sections.last_mut().context("a block before any section")?;
                let step = steps.last_mut().context("output without a command")?;
                let lines = if kind == "```sh" { &mut step.commands } else { &mut step.expected };
                lines.push(line.to_owned());
            }
            (line, None) => {
                if let Some(title) = line.strip_prefix("## ") {
                    sections.push((title.to_owned(), Vec::new()));
                }
            }
        }
    }
    Ok(sections)
}

/// Makes that fail which a section is for, so that its commands are tried in earnest.
async fn stage(
    deployment: &mut Deployment,
    section: &str,
    words: &mut HashMap<&'static str, String>,
) -> anyhow::Result<()> {
    match section {
        "ServiceDown" => deployment.kill_service("booking-1").await,
        "StreamCopiesMissing" => deployment.nodes[1].kill().await,
        "WorkIsHeld" => deployment.stop_postgres().await,
        "DeadLettersOpen" => {
            words.insert("LETTER", plant_letter(deployment).await?);
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn plant_letter(deployment: &Deployment) -> anyhow::Result<String> {
    let context = jetstream::new(deployment.nats_user("api", ConnectOptions::new()).await?);
    let subject = format!("mc.cmd.booking.book.{}", uuid::Uuid::now_v7());
    context.publish(subject, "no command".into()).await?.await?;
    let admin = deployment.admin().await?;
    let find = async || {
        let body = admin.get("/v1/dead-letters").await?.expect(200)?;
        anyhow::Ok(body["items"][0]["id"].as_str().map(str::to_owned))
    };
    deployment.wait_until("the letter is seen", || async { Ok(find().await?.is_some()) }).await?;
    find().await?.context("it was there")
}

/// Runs one line; gives what it printed.
async fn run(deployment: &mut Deployment, line: &str) -> anyhow::Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["docker", "compose", "run", "--rm", "ops", ..] => {
            let (_, arguments) = line.split_once(" ops ").context("a command for ops")?;
            let mut shell = deployment.command("ops", &[])?;
            shell = through_shell(&shell, arguments, &deployment.api_url(1))?;
            let admin = ["MEDICONNECT_EMAIL", "MEDICONNECT_PASSWORD"];
            let password = deployment.secret("administrator.password")?;
            shell.env(admin[0], "admin@mediconnect.example").env(admin[1], password);
            // A rehearsal whose answer is no is still an answer.
            let is_no = |code| code == Some(1) && arguments.starts_with("dlq rehearse");
            printed(shell, line, is_no).await
        }
        ["docker", "compose", "run", "--rm", "auditor"] => {
            let verify = deployment.command("auditor", &["audit", "verify"])?;
            printed(verify, line, |_| false).await
        }
        ["docker", "compose", "run", "--rm", "migrate"] => {
            deployment.migrate().await.map(|()| String::new())
        }
        ["docker", "compose", "ps"] => Ok(deployment.service_names().collect::<Vec<_>>().join(" ")),
        ["docker", "compose", "logs", services @ ..] => logs(deployment, services),
        ["docker", "compose", "up", "--detach"] => deployment.up().await.map(|()| String::new()),
        ["docker", "compose", "up", "--detach", "--scale", scale] => {
            let (service, count) = scale.split_once('=').context("SERVICE=COUNT")?;
            deployment.scale(service, count.parse()?).await.map(|()| String::new())
        }
        ["docker", "compose", "restart", service]
        | ["docker", "compose", "up", "--detach", "--force-recreate", "--no-deps", service] => {
            deployment.restart_services(service).await.map(|()| String::new())
        }
        ["docker", "compose", "exec", node, "wget", "-qO-", url] => {
            let path = url.strip_prefix("http://127.0.0.1:8222").context("the monitor's port")?;
            let number: usize = node.strip_prefix("nats-").context("a node")?.parse()?;
            let monitor = deployment.nodes[number - 1].monitor();
            Ok(reqwest::get(format!("{monitor}{path}")).await?.error_for_status()?.text().await?)
        }
        ["docker", "compose", "exec", "postgres", "psql", ..] => {
            let sql = line.split('"').nth(1).context("a statement in double quotes")?;
            let mut psql = Command::new("psql");
            psql.arg(deployment.superuser_url()).args(["--command", sql]);
            printed(psql, line, |_| false).await
        }
        ["curl", "--silent", url] => {
            let path = url.strip_prefix("http://127.0.0.1:8080").context("the proxy's address")?;
            Ok(deployment.api(0).get(path).await?.text)
        }
        ["./deploy/make-secrets"] => deployment.make_secrets().await.map(|()| String::new()),
        ["rm", file] => {
            let name = file.strip_prefix("deploy/secrets/").context("a secret")?;
            std::fs::remove_file(deployment.secrets().join(name))?;
            Ok(String::new())
        }
        _ => bail!("the test doesn't know how to do this"),
    }
}

/// The program with arguments that a shell takes apart, as the operator's does.
fn through_shell(program: &Command, arguments: &str, api: &str) -> anyhow::Result<Command> {
    let binary = program.as_std().get_program().to_str().context("a path in UTF-8")?;
    let arguments = arguments.replace("http://api:8080", api);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {binary} {arguments}")]).env_clear();
    for (name, value) in program.as_std().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    Ok(shell)
}

/// What a command printed, when it succeeded or failed as it may.
async fn printed(
    mut command: Command,
    line: &str,
    may_fail: impl Fn(Option<i32>) -> bool,
) -> anyhow::Result<String> {
    let output = command.output().await?;
    let (status, complaint) = (output.status, String::from_utf8_lossy(&output.stderr));
    ensure!(status.success() || may_fail(status.code()), "{line}: {status}: {complaint}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(status.success() || !text.is_empty(), "{line}: {status}, and it said nothing");
    Ok(text)
}

/// What the instances of these services have logged. There is no proxy here.
fn logs(deployment: &Deployment, services: &[&str]) -> anyhow::Result<String> {
    let names: Vec<_> = deployment.service_names().map(str::to_owned).collect();
    let mut text = String::new();
    for service in services.iter().filter(|service| **service != "proxy") {
        let of_it = names.iter().filter(|name| name.starts_with(&format!("{service}-")));
        let found: String = of_it.map(|name| deployment.log(name)).collect();
        let found = if found.is_empty() { deployment.log(service) } else { found };
        ensure!(!found.is_empty(), "{service} has logged nothing");
        text.push_str(&found);
    }
    Ok(text)
}

/// A line in which the words that stand for something are what they stand for.
fn with_values(line: &str, words: &HashMap<&'static str, String>) -> String {
    words.iter().fold(line.to_owned(), |line, (word, value)| line.replace(word, value))
}

#[tokio::test]
async fn its_commands_work() -> anyhow::Result<()> {
    let mut deployment = Deployment::start(&EAGER).await?;
    let admin = deployment.admin().await?;
    let doctor = deployment.api(0).new_doctor_of(&admin).await?;
    let id = doctor.id.clone().context("an id")?;
    let patient = deployment.api(1).new_patient().await?;
    let slots = patient.free_slots(&id).await?;
    patient.book(&id, &slots[0]).await?.expect(201)?;

    let mut words = HashMap::new();
    let mut commands = 0;
    for (section, steps) in sections()? {
        stage(&mut deployment, &section, &mut words).await?;
        for step in &steps {
            let mut output = String::new();
            for command in &step.commands {
                let command = with_values(command, &words);
                let done = run(&mut deployment, &command).await;
                output += &done.with_context(|| format!("{section}: {command}"))?;
                commands += 1;
            }
            for expected in &step.expected {
                let expected = with_values(expected, &words);
                ensure!(output.contains(&expected), "{section}: no {expected:?} in {output}");
            }
        }
    }
    ensure!(commands > 30, "the runbook has lost its commands: {commands}");
    // And the product still works.
    deployment.check_services()?;
    patient.book(&id, &slots[1]).await?.expect(201)?;
    Ok(())
}

#[test]
fn every_alert_has_a_section_and_a_test() -> anyhow::Result<()> {
    let rules = std::fs::read_to_string(checkout().join("deploy/prometheus/alerts.yml"))?;
    let tests = std::fs::read_to_string(checkout().join("deploy/prometheus/alerts_test.yml"))?;
    let sections: Vec<_> = sections()?.into_iter().map(|(title, _)| title).collect();
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    ensure!(alerts.len() >= 15, "the rules have lost their alerts: {alerts:?}");
    for alert in alerts {
        ensure!(sections.iter().any(|title| title == alert), "{alert} is not in the runbook");
        let fires = format!("alertname: {alert}\n        eval_time");
        ensure!(tests.contains(&fires), "no test lets {alert} fire");
        let silent = format!("alertname: {alert}, eval_time: 50m, exp_alerts: []");
        ensure!(tests.contains(&silent), "no test says when {alert} is silent");
    }
    Ok(())
}

/// Metrics that alerts and the dashboard speak of, and that the product doesn't have, would never
/// be noticed: they just stay silent.
#[test]
fn every_metric_that_is_watched_exists() -> anyhow::Result<()> {
    let mut source = String::new();
    for folder in ["api/src", "workers", "shared"] {
        read_rust(&checkout().join(folder), &mut source)?;
    }
    let mut watched = 0;
    for file in ["prometheus/alerts.yml", "grafana/mediconnect.json"] {
        let text = std::fs::read_to_string(checkout().join("deploy").join(file))?;
        for rest in text.split("mediconnect_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let exists = |name: &str| source.contains(&format!("\"{name}\""));
            ensure!(exists(name) || base.is_some_and(exists), "{file}: there is no {name}");
            watched += 1;
        }
    }
    ensure!(watched > 30, "the files have lost their metrics: {watched}");
    Ok(())
}

fn read_rust(folder: &Path, text: &mut String) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_rust(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
