//! What each NATS user and each PostgreSQL role must not do, and is refused.

use std::time::Duration;

use anyhow::{Context, ensure};
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use contracts::subjects;
use testkit::Deployment;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A bound against hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// One thing a user tries.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Publish(&'static str),
    Subscribe(&'static str),
}
use Attempt::{Publish, Subscribe};

const FOR_EVERYBODY: [Attempt; 13] = [
    Publish("$JS.API.STREAM.DELETE.MC_COMMANDS"),
    Publish("$JS.API.STREAM.DELETE.MC_DEAD"),
    Publish("$JS.API.STREAM.PURGE.MC_DEAD"),
    Publish("$JS.API.STREAM.MSG.GET.MC_DEAD"),
    Publish("$JS.API.STREAM.MSG.DELETE.MC_COMMANDS"),
    Publish("$JS.API.STREAM.LEADER.STEPDOWN.MC_COMMANDS"),
    Publish("$JS.API.STREAM.RESTORE.MC_COMMANDS"),
    Publish("$JS.API.STREAM.SNAPSHOT.MC_COMMANDS"),
    Publish("$SYS.REQ.SERVER.PING"),
    Subscribe("$SYS.>"),
    Subscribe("mc.cmd.>"),
    Subscribe("mc.dead.>"),
    Subscribe("_INBOX.>"),
];

const MIGRATE: [Attempt; 5] = [
    Publish("mc.cmd.booking.book.x"),
    Publish("$JS.API.DIRECT.GET.MC_COMMANDS"),
    Publish("$JS.API.CONSUMER.CREATE.MC_COMMANDS.spy"),
    Publish("$JS.API.STREAM.PURGE.MC_COMMANDS"),
    Subscribe("_INBOX.api.>"),
];

const API: [Attempt; 11] = [
    Publish("mc.evt.appointment.booked"),
    Publish("mc.dead.booking.book.x"),
    Publish("mc.reply.instance.x"),
    // Letters one at a time, by position or request id: never the stream.
    Publish("$JS.API.CONSUMER.CREATE.MC_DEAD.spy"),
    Publish("$JS.API.CONSUMER.CREATE.MC_COMMANDS.spy"),
    Publish("$JS.API.CONSUMER.MSG.NEXT.MC_COMMANDS.booking"),
    Publish("$JS.API.STREAM.UPDATE.MC_COMMANDS"),
    Publish("$JS.API.STREAM.PURGE.MC_COMMANDS"),
    Publish("$JS.API.DIRECT.GET.MC_EVENTS"),
    Publish("$JS.ACK.MC_COMMANDS.booking.1.1.1.1.1"),
    Subscribe("_INBOX.booking.>"),
];

const BOOKING: [Attempt; 7] = [
    Publish("mc.cmd.booking.book.x"),
    Publish("mc.ops.rehearse.booking"),
    Publish("$KV.mc_revoked_sessions.x"),
    Publish("$JS.API.STREAM.UPDATE.MC_COMMANDS"),
    Publish("$JS.API.CONSUMER.DELETE.MC_EVENTS.audit"),
    Publish("_INBOX.api.x"),
    Subscribe("mc.reply.>"),
];

const AUDIT: [Attempt; 6] = [
    Publish("mc.audit.read"),
    Publish("mc.evt.appointment.booked"),
    Publish("mc.cmd.booking.book.x"),
    Publish("$JS.API.STREAM.PURGE.MC_AUDIT"),
    Publish("$JS.API.DIRECT.GET.MC_COMMANDS"),
    Subscribe("mc.audit.>"),
];

const ELIGIBILITY: [Attempt; 6] = [
    Publish("mc.cmd.booking.book.x"),
    Publish("mc.audit.read"),
    Publish("$KV.mc_breaker_controls.00042"),
    Publish("$JS.API.DIRECT.GET.MC_COMMANDS"),
    Publish("$JS.ACK.MC_COMMANDS.booking.1.1.1.1.1"),
    Publish("$JS.API.CONSUMER.DELETE.MC_EVENTS.eligibility"),
];

const AUDITOR: [Attempt; 4] = [
    Publish("mc.audit.read"),
    Publish("$KV.mc_audit_anchor.last"),
    Publish("$JS.API.DIRECT.GET.MC_AUDIT"),
    Subscribe("mc.audit.>"),
];

const OPS: [Attempt; 6] = [
    Publish("mc.cmd.booking.book.x"),
    Publish("mc.evt.appointment.booked"),
    Publish("$JS.ACK.MC_COMMANDS.booking.1.1.1.1.1"),
    Publish("$JS.API.CONSUMER.MSG.NEXT.MC_AUDIT.x"),
    Publish("$JS.API.STREAM.PURGE.MC_COMMANDS"),
    Subscribe("mc.reply.>"),
];

/// A connection, and what the server complains of.
async fn sign_in(
    deployment: &Deployment,
    user: &str,
) -> anyhow::Result<(Client, mpsc::UnboundedReceiver<String>)> {
    let (tell, told) = mpsc::unbounded_channel();
    let options = ConnectOptions::new().event_callback(move |event| {
        if let Event::ServerError(error) = event {
            let _ = tell.send(error.to_string());
        }
        async {}
    });
    Ok((deployment.nats_user(user, options).await?, told))
}

async fn is_refused(
    client: &Client,
    told: &mut mpsc::UnboundedReceiver<String>,
    kept: &mut Vec<Subscriber>,
    attempt: Attempt,
) -> anyhow::Result<()> {
    let (subject, verb) = match attempt {
        Publish(subject) => {
            client.publish(subject, "x".into()).await?;
            (subject, "publish")
        }
        Subscribe(subject) => {
            // Dropping it would unsubscribe before the server has seen it.
            kept.push(client.subscribe(subject).await?);
            (subject, "subscription")
        }
    };
    client.flush().await?;
    let complaint = timeout(PATIENCE, told.recv()).await;
    let complaint = complaint.with_context(|| format!("{attempt:?} was let through"))?;
    let complaint = complaint.context("the connection is gone")?.to_lowercase();
    let names = complaint.contains(verb) && complaint.contains(&subject.to_lowercase());
    ensure!(complaint.contains("permissions violation") && names, "{attempt:?}: {complaint}");
    Ok(())
}

#[tokio::test]
async fn every_user_and_role_is_refused_what_is_not_its_own() -> anyhow::Result<()> {
    let deployment = Deployment::start(&[]).await?;
    let before = messages(&deployment).await?;
    for (user, attempts) in [
        ("migrate", &MIGRATE[..]),
        ("api", &API),
        ("booking", &BOOKING),
        ("audit", &AUDIT),
        ("eligibility", &ELIGIBILITY),
        ("auditor", &AUDITOR),
        ("ops", &OPS),
    ] {
        let (client, mut told) = sign_in(&deployment, user).await?;
        let mut kept = Vec::new();
        for attempt in FOR_EVERYBODY.iter().chain(attempts) {
            let refused = is_refused(&client, &mut told, &mut kept, *attempt).await;
            refused.with_context(|| format!("as {user}"))?;
        }
    }
    ensure!(messages(&deployment).await? == before, "something was stored all the same");
    nobody_gets_in(&deployment).await?;
    roles_keep_to_their_tables(&deployment).await
}

/// How many messages the streams have ever held.
async fn messages(deployment: &Deployment) -> anyhow::Result<u64> {
    let client = deployment.nats_user("ops", ConnectOptions::new()).await?;
    let looking = async_nats::jetstream::new(client);
    let mut sum = 0;
    for stream in [subjects::COMMANDS, subjects::EVENTS, subjects::DEAD] {
        sum += looking.get_stream(stream).await?.cached_info().state.last_sequence;
    }
    Ok(sum)
}

async fn nobody_gets_in(deployment: &Deployment) -> anyhow::Result<()> {
    let url = deployment.nodes[0].url();
    let anonymous = async_nats::connect(&url).await;
    ensure!(anonymous.is_err(), "a client without a user was let in");
    let guessing = ConnectOptions::new().user_and_password("api".into(), "guess".into());
    ensure!(guessing.connect(&url).await.is_err(), "a wrong password was let in");
    Ok(())
}

async fn roles_keep_to_their_tables(deployment: &Deployment) -> anyhow::Result<()> {
    for (secret, attempts) in [
        (
            "api.url",
            &[
                "SELECT password_hash FROM users",
                "INSERT INTO outbox DEFAULT VALUES",
                "DELETE FROM appointments",
                "UPDATE requests SET outcome = 'applied'",
                "CREATE TABLE mine ()",
            ][..],
        ),
        (
            "accounts.url",
            &["SELECT FROM appointments", "SELECT FROM requests", "CREATE TABLE mine ()"],
        ),
        (
            "booking.url",
            &[
                "SELECT password_hash FROM users",
                "DELETE FROM requests",
                "TRUNCATE appointments",
                "CREATE ROLE mine",
            ],
        ),
        (
            "audit.url",
            &["DELETE FROM audit_log", "UPDATE audit_seals SET number = 1", "TRUNCATE audit_log"],
        ),
        (
            "auditor.url",
            &[
                "INSERT INTO audit_seals DEFAULT VALUES",
                "DELETE FROM audit_log",
                "SELECT FROM users",
            ],
        ),
        ("eligibility.url", &["SELECT password_hash FROM users", "DELETE FROM appointments"]),
        (
            "ops.url",
            &[
                "SELECT FROM appointments",
                "SELECT email FROM users",
                "DELETE FROM ledger_checkpoints",
                "UPDATE dead_letters SET state = 'discarded'",
            ],
        ),
    ] {
        let role = deployment.database_as(secret).await?;
        for attempt in attempts {
            let error = role.execute(*attempt, &[]).await.err();
            let code = error.as_ref().and_then(tokio_postgres::Error::code);
            let denied = code == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE);
            ensure!(denied, "{secret}: {attempt}: {error:?}");
        }
    }
    Ok(())
}
