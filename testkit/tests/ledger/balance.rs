//! What balances, and each way in which it doesn't.

use std::time::Duration;

use anyhow::Context;
use contracts::subjects;
use domain::RequestId;
use testkit::{any_command, program};
use tokio::process::Command;
use uuid::Uuid;

use super::books::Books;
use super::{BALANCED, CANNOT_TELL, NO_GRACE, NOT_BALANCED};

#[tokio::test]
async fn settled_waiting_and_dead_requests_balance() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let ids = books.accept_some(5).await?;
    books.settle(ids[0], 1, None).await?;
    books.settle(ids[1], 2, Some("slot_taken")).await?;
    books.accept(ids[1]).await?;
    books.publish_letter(&ids[2].to_string(), 3).await?;

    let (report, code) = books.read(&[]).await?;
    assert_eq!(code, BALANCED, "{report:#}");
    assert_eq!(report["balanced"], true);
    assert_eq!(report["messages"], 6);
    assert_eq!(report["requests"], 5);
    assert_eq!(report["repeats"], 1);
    assert_eq!(report["settled"]["applied"], 1);
    assert_eq!(report["settled"]["rejected"]["slot_taken"], 1);
    assert_eq!(report["dead"], 1);
    assert_eq!(report["in_flight"], 2);
    Ok(())
}

#[tokio::test]
async fn an_old_request_without_an_end_is_named() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let ids = books.accept_some(3).await?;
    books.settle(ids[0], 1, None).await?;
    books.settle(ids[2], 3, None).await?;

    let (report, code) = books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["unaccounted_for"].as_array().context("a list")?.len(), 1);
    assert_eq!(report["unaccounted_for"][0]["request_id"], ids[1].to_string());
    assert_eq!(report["unaccounted_for"][0]["sequence"], 2);

    let table = books.ledger().arg(NO_GRACE).output().await?;
    assert_eq!(table.status.code(), Some(NOT_BALANCED));
    let table = String::from_utf8(table.stdout)?;
    assert!(table.contains(&ids[1].to_string()) && table.contains("NOT BALANCED"), "{table}");
    Ok(())
}

#[tokio::test]
async fn an_unreadable_message_needs_a_letter_that_names_it() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let sequence = books.publish_unreadable().await?;
    let (report, code) = books.read(&[]).await?;
    assert_eq!((code, &report["unreadable"]["in_flight"]), (BALANCED, &1.into()));

    books.publish_letter("7", sequence + 1).await?;
    let (report, code) = books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["unreadable"]["unaccounted_for"][0]["sequence"], sequence);

    books.publish_letter(&sequence.to_string(), sequence).await?;
    let (report, code) = books.read(&[NO_GRACE]).await?;
    assert_eq!((code, &report["unreadable"]["dead"]), (BALANCED, &1.into()));
    Ok(())
}

#[tokio::test]
async fn a_message_that_vanished_is_a_loss() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let ids = books.accept_some(6).await?;
    books.settle_all(&ids).await?;
    let stream = books.context.get_stream(subjects::COMMANDS).await?;

    // At the beginning, by somebody who didn't ask the ledger.
    stream.purge().sequence(2).await?;
    let (report, code) = books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED, "{report:#}");
    assert_eq!(report["lost"][0]["to"], 1);

    // Once in the middle, once at the end.
    for (index, lost) in [(3, 2), (5, 3)] {
        stream.purge().filter(format!("mc.cmd.booking.*.{}", ids[index])).await?;
        let (report, code) = books.read(&[NO_GRACE]).await?;
        assert_eq!(code, NOT_BALANCED, "{report:#}");
        assert_eq!(report["lost"].as_array().context("a list")?.len(), lost);
        assert_eq!(report["lost"][lost - 1]["from"], index + 1);
        // Their rows show that these messages were there; what was cut off isn't read.
        let rows = report["settled_without_message"].as_array().context("a list")?;
        assert_eq!(rows.len(), lost - 1);
    }
    Ok(())
}

#[tokio::test]
async fn what_was_settled_without_a_message_is_named() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let ids = books.accept_some(2).await?;
    books.settle_all(&ids).await?;
    let stranger = RequestId::generate();
    books.settle(stranger, 2, None).await?;

    let (report, code) = books.read(&[]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["settled_without_message"][0]["request_id"], stranger.to_string());
    Ok(())
}

#[tokio::test]
async fn facts_that_nobody_publishes_are_a_warning() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let fact = "INSERT INTO outbox (event_id, kind, version, body, correlation_id, request_id, \
         actor, created_at) \
         VALUES ($1, 'appointment.booked', 1, '{}', $1, $1, 'x', now() - interval '1 hour')";
    books.admin.execute(fact, &[&Uuid::new_v4()]).await?;
    let (report, code) = books.read(&[]).await?;
    assert_eq!(code, BALANCED);
    assert_eq!(report["unpublished_facts"]["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_long_stream_is_read_whole() -> anyhow::Result<()> {
    let books = Books::open().await?;
    let count = 20_000_u64;
    for _ in 0..4 {
        // No more at once than may queue for the next batch.
        let publish = (0..count / 4).map(|_| {
            let command = any_command(RequestId::generate(), None);
            books.publisher.publish(command, Duration::from_mins(1))
        });
        futures::future::try_join_all(publish).await?;
    }
    // Rows of messages far behind the stream's end: none of its business.
    let settle = "INSERT INTO requests (id, kind, caller_id, outcome, result, correlation_id, \
         stream_sequence, accepted_at, settled_at) \
         SELECT gen_random_uuid(), 'cancel', gen_random_uuid(), 'applied', '{}', \
             gen_random_uuid(), 1000000 + n, now(), now() FROM generate_series(1, 25000) n";
    books.admin.execute(settle, &[]).await?;

    let (report, code) = books.read(&["--grace-minutes=60"]).await?;
    assert_eq!(code, BALANCED, "{report:#}");
    assert_eq!(report["in_flight"], count);
    // A publish whose answer was late was repeated.
    let repeats = report["repeats"].as_u64().context("a number")?;
    assert_eq!(report["messages"], count + repeats);
    Ok(())
}

#[tokio::test]
async fn without_servers_it_cannot_tell_and_says_what_to_do() -> anyhow::Result<()> {
    let mut books = Books::open().await?;
    books.nats.kill().await?;
    let output = books.ledger().output().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(CANNOT_TELL), "{said}");
    assert!(said.contains("NATS_URL"), "{said}");

    let output = Command::new(program())
        .env_clear()
        .env("NATS_URL", books.nats.url())
        .env("MC_DATABASE__OPS_URL", "postgres://mediconnect_ops:x@127.0.0.1:1/nowhere")
        .arg("ledger")
        .output()
        .await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(CANNOT_TELL), "{said}");
    assert!(said.contains("inbox"), "{said}");
    Ok(())
}
