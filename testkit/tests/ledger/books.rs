//! Books without anybody who keeps them.

use std::time::Duration;

use anyhow::Context;
use async_nats::HeaderMap;
use async_nats::jetstream;
use bus::{Bus, Publisher};
use contracts::metadata::header;
use contracts::subjects;
use domain::RequestId;
use runtime::Shutdown;
use serde_json::Value;
use testkit::{TestDatabase, TestNats, any_command};
use tokio::process::Command;
use tokio_postgres::Client;
use uuid::Uuid;

/// A database and a stream, without anybody who works on them.
pub struct Books {
    pub database: TestDatabase,
    pub admin: Client,
    pub nats: TestNats,
    pub bus: Bus,
    pub context: jetstream::Context,
    pub publisher: Publisher,
}

impl Books {
    pub async fn open() -> anyhow::Result<Self> {
        let database = TestDatabase::create().await?;
        let nats = TestNats::start().await?;
        let bus = nats.bus().await?;
        Ok(Self {
            admin: database.admin().await?,
            publisher: Publisher::start(&bus, &Shutdown::new()),
            context: jetstream::new(nats.client().await?),
            bus,
            database,
            nats,
        })
    }

    /// Accepts a request; gives its sequence.
    pub async fn accept(&self, id: RequestId) -> anyhow::Result<u64> {
        let command = any_command(id, None);
        let accepted = self.publisher.publish(command, Duration::from_secs(10)).await?;
        Ok(accepted.stream_sequence)
    }

    pub async fn accept_some(&self, count: usize) -> anyhow::Result<Vec<RequestId>> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = RequestId::generate();
            self.accept(id).await?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Settles a request, as the booking worker would.
    pub async fn settle(
        &self,
        id: RequestId,
        sequence: u64,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        let (outcome, result) = match reason {
            Some(_) => ("rejected", None),
            None => ("applied", Some(serde_json::json!({}))),
        };
        let statement = "INSERT INTO requests (id, kind, caller_id, outcome, reason, result, \
             correlation_id, stream_sequence, accepted_at, settled_at) \
             VALUES ($1, 'cancel', $2, $3, $4, $5, $2, $6, now(), now())";
        let sequence = i64::try_from(sequence)?;
        let caller = Uuid::new_v4();
        self.admin
            .execute(statement, &[&id.as_uuid(), &caller, &outcome, &reason, &result, &sequence])
            .await?;
        Ok(())
    }

    pub async fn settle_all(&self, ids: &[RequestId]) -> anyhow::Result<()> {
        for (index, id) in ids.iter().enumerate() {
            self.settle(*id, index as u64 + 1, None).await?;
        }
        Ok(())
    }

    pub async fn publish_unreadable(&self) -> anyhow::Result<u64> {
        let ack = self.context.publish("mc.cmd.booking.steal.everything", "?".into()).await?;
        Ok(ack.await?.sequence)
    }

    pub async fn publish_letter(&self, name: &str, origin_sequence: u64) -> anyhow::Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert(header::DEAD_ORIGIN_STREAM, subjects::COMMANDS);
        headers.insert(header::DEAD_ORIGIN_SEQUENCE, origin_sequence.to_string().as_str());
        let subject = subjects::dead_letter("booking", "cancel", name);
        self.context.publish_with_headers(subject, headers, "".into()).await?.await?;
        Ok(())
    }

    pub async fn read(&self, arguments: &[&str]) -> anyhow::Result<(Value, i32)> {
        let output = self.ledger().arg("--json").args(arguments).output().await?;
        let report = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((report, output.status.code().context("killed")?))
    }

    /// `mediconnect ledger` on these servers.
    pub fn ledger(&self) -> Command {
        testkit::ledger_command(&self.database, &self.nats)
    }
}
