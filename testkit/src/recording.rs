//! Whether the audit log holds everything that happened, once and unchanged.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use contracts::{AuditEntry, subjects};
use uuid::Uuid;

use crate::System;

/// Messages that are read at once.
const AT_ONCE: usize = 1_000;

impl System {
    /// The audit entries that were made durable so far.
    pub async fn audit_entries(&self) -> anyhow::Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        for message in self.all_messages(subjects::AUDIT).await? {
            entries.push(AuditEntry::from_message(message.header("Mc-Schema"), &message.body)?);
        }
        Ok(entries)
    }

    /// Waits until everything is sealed, and fails unless the log is intact and holds each entry
    /// and each fact as often as it has to. Gives how many there are.
    pub async fn check_audit_is_complete(&self) -> anyhow::Result<usize> {
        let is_sealed = || async { Ok(self.verify_audit().await?.0["waiting"] == 0) };
        self.wait_until("everything is sealed", is_sealed).await?;
        let (verdict, code) = self.verify_audit().await?;
        let is_whole = verdict["notices"].as_array().is_some_and(Vec::is_empty);
        ensure!(code == 0 && verdict["intact"] == true && is_whole, "{verdict:#}");

        let mut expected = BTreeMap::new();
        for entry in self.audit_entries().await? {
            let rows = entry.patients.len().max(1) as i64;
            let is_first = expected.insert(entry.id.as_uuid(), rows).is_none();
            ensure!(is_first, "{} is in the stream twice", entry.id);
        }
        for fact in self.all_messages(subjects::EVENTS).await? {
            let id: Uuid = fact.header("Nats-Msg-Id").context("a fact has an id")?.parse()?;
            ensure!(expected.insert(id, 1).is_none(), "{id} is in the stream twice");
        }
        let sql = "SELECT entry_id, count(*) FROM audit_log GROUP BY entry_id";
        let found = self.database().await?.query(sql, &[]).await?;
        let found: BTreeMap<Uuid, i64> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        ensure!(found == expected, "{} ids are recorded of {}", found.len(), expected.len());
        Ok(expected.len())
    }

    async fn all_messages(
        &self,
        stream: &'static str,
    ) -> anyhow::Result<Vec<bus::PositionedMessage>> {
        let bus = self.nats.bus().await?;
        let mut all: Vec<bus::PositionedMessage> = Vec::new();
        loop {
            let next = all.last().map_or(1, |last| last.sequence + 1);
            let messages = bus.messages_from(stream, next, AT_ONCE).await?;
            if messages.is_empty() {
                return Ok(all);
            }
            all.extend(messages);
        }
    }
}
