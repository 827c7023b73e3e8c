//! One node of three is killed while bookings run through it.

use std::sync::atomic::Ordering;

use anyhow::{Context, ensure};
use async_nats::ConnectOptions;
use async_nats::jetstream;
use contracts::subjects;
use testkit::Deployment;

use super::load::{Load, Seen};

/// Outcomes before the fault, while the node is away, and after it is back.
const EACH: usize = 200;

/// Redeliveries come soon, and somebody looks at the streams all the time.
const SETTINGS: [(&str, &str); 2] =
    [("MC_NATS__ACK_WAIT_MS", "2000"), ("MC_BOOKING__LEDGER_PERIOD_MS", "500")];

/// The name of the node that leads a stream.
async fn leader(looking: &jetstream::Context, stream: &str) -> anyhow::Result<Option<String>> {
    let Ok(found) = looking.get_stream(stream).await else { return Ok(None) };
    Ok(found.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone()))
}

async fn wait_for_outcomes(
    deployment: &Deployment,
    seen: &Seen,
    more: usize,
) -> anyhow::Result<()> {
    let enough = seen.settled() + more;
    deployment.wait_until("bookings go on", || async { Ok(seen.settled() >= enough) }).await
}

#[tokio::test]
async fn a_killed_node_loses_no_accepted_booking() -> anyhow::Result<()> {
    let mut deployment = Deployment::start(&SETTINGS).await?;
    let client = deployment.nats_user("ops", ConnectOptions::new()).await?;
    let looking = jetstream::new(client);
    for stream in [subjects::COMMANDS, subjects::EVENTS, subjects::DEAD] {
        let found = looking.get_stream(stream).await?;
        ensure!(found.cached_info().config.num_replicas == 3, "{stream} has no three copies");
    }
    let load = Load::start(&deployment).await?;
    let seen = load.seen.clone();
    wait_for_outcomes(&deployment, &seen, EACH).await?;

    let before = hurt(&deployment, &seen).await?;
    // What was in flight may have got through all the same: then the next leader dies.
    let mut index = kill_leader(&mut deployment, &looking, &seen).await?;
    let mut deaths = 1;
    while hurt(&deployment, &seen).await? == before {
        ensure!(deaths < 5, "nothing that was in flight was hit, {deaths} times");
        deployment.nodes[index].restart()?;
        let node = &deployment.nodes[index];
        deployment.wait_until("the node has caught up", || node.is_healthy()).await?;
        index = kill_leader(&mut deployment, &looking, &seen).await?;
        deaths += 1;
    }

    // Operators hear of it (the alert StreamCopiesMissing).
    let missing = "mediconnect_stream_copies_missing";
    let is_noticed = || async { Ok(deployment.counter("booking", missing).await? > 0) };
    deployment.wait_until("the missing copies are noticed", is_noticed).await?;

    deployment.nodes[index].restart()?;
    let node = &deployment.nodes[index];
    deployment.wait_until("the node has caught up", || node.is_healthy()).await?;
    wait_for_outcomes(&deployment, &seen, EACH).await?;
    let is_whole = || async { Ok(deployment.counter("booking", missing).await? == 0) };
    deployment.wait_until("every copy is there again", is_whole).await?;
    let seen = load.end().await?;
    deployment.check_services()?;
    check_books(&deployment, &seen).await
}

/// Kills the node that leads the stream of commands while something is in flight, and returns once
/// another leads and bookings go on. Gives which it was.
async fn kill_leader(
    deployment: &mut Deployment,
    looking: &jetstream::Context,
    seen: &Seen,
) -> anyhow::Result<usize> {
    let first = leader(looking, subjects::COMMANDS).await?.context("somebody leads")?;
    let index = deployment.nodes.iter().position(|node| node.name() == first);
    let index = index.context("the leader is one of ours")?;
    let at_work = || async { Ok(seen.in_flight.load(Ordering::Relaxed) > 0) };
    deployment.wait_until("something is in flight", at_work).await?;
    deployment.nodes[index].kill().await?;
    let in_flight = seen.in_flight.load(Ordering::Relaxed);
    ensure!(in_flight > 0, "nothing was in flight when the node died");
    wait_for_outcomes(deployment, seen, EACH).await?;
    let second = leader(looking, subjects::COMMANDS).await?.context("somebody leads again")?;
    ensure!(second != first, "{first} still leads: it was not the one that died");
    Ok(index)
}

/// How often what was in flight was hit: publishes without an answer, redeliveries, and requests
/// that had to be repeated.
async fn hurt(deployment: &Deployment, seen: &Seen) -> anyhow::Result<u64> {
    let unknown = deployment.counter("api", "mediconnect_publish_unknown_outcomes_total").await?;
    let redelivered = deployment.counter("booking", "mediconnect_redeliveries_total").await?;
    Ok(unknown + redelivered + seen.repeats.load(Ordering::Relaxed) as u64)
}

/// Every accepted request has one outcome, the one that its patient was told, and no slot is
/// taken twice.
async fn check_books(deployment: &Deployment, seen: &Seen) -> anyhow::Result<()> {
    let ledger = || async {
        let output = deployment.command("ops", &["ledger", "--json"])?.output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).with_context(|| complaint)?;
        anyhow::Ok((report, output.status.success()))
    };
    let at_rest = || async { Ok(ledger().await?.0["in_flight"] == 0) };
    deployment.wait_until("nothing is in flight", at_rest).await?;
    let (report, is_balanced) = ledger().await?;
    ensure!(is_balanced && report["balanced"] == true, "it doesn't balance: {report:#}");
    ensure!(report["dead"] == 0, "the fault made dead letters: {report:#}");

    let database = deployment.database().await?;
    let count = async |sql: &str| anyhow::Ok(database.query_one(sql, &[]).await?.get::<_, i64>(0));
    let overlaps = "SELECT count(*) FROM appointments a JOIN appointments b
        ON a.practitioner_id = b.practitioner_id AND a.during && b.during AND a.id < b.id";
    ensure!(count(overlaps).await? == 0, "a slot is taken twice");
    let visits = count("SELECT count(*) FROM appointments").await?;
    ensure!(visits == seen.booked() as i64, "{visits} visits, {} were confirmed", seen.booked());
    let outcomes = seen.settled() as i64;
    let settled = count("SELECT count(*) FROM requests WHERE kind = 'book'").await?;
    ensure!(settled == outcomes, "{settled} are settled, {outcomes} were answered");
    ensure!(outcomes > visits, "nobody ever wanted a slot that was taken");
    Ok(())
}
