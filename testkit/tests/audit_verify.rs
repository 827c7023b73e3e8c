//! `mediconnect audit verify` against the database's superuser, who can do everything: each way of
//! tampering is named.

use std::time::Duration;

use anyhow::{Context, ensure};
use async_nats::jetstream;
use bus::{AuditPublisher, KvBucket};
use contracts::subjects;
use domain::PatientId;
use runtime::Shutdown;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use servers::{LogFile, ManagedProcess, Registry, StopPlan};
use store::ServiceRole;
use tempfile::TempDir;
use testkit::{TestDatabase, TestNats, any_entry, program, small_streams};
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

const INTACT: i32 = 0;
const NOT_INTACT: i32 = 1;
const CANNOT_TELL: i32 = 2;

/// A bound against hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// A sealed log of six rows in three seals, whose worker has ended.
struct Sealed {
    database: TestDatabase,
    /// A superuser whom no trigger stops.
    tamperer: Client,
    nats: TestNats,
    home: TempDir,
}

impl Sealed {
    async fn new() -> anyhow::Result<Self> {
        let database = TestDatabase::create().await?;
        let tamperer = database.admin().await?;
        tamperer.batch_execute("SET session_replication_role = replica").await?;
        let sealed =
            Self { tamperer, database, nats: TestNats::start().await?, home: tempfile::tempdir()? };
        for seal in 1..=3 {
            sealed.add_a_seal(seal).await?;
        }
        Ok(sealed)
    }

    /// Two rows more, and their seal; the worker is stopped so that the next one is another's.
    async fn add_a_seal(&self, number: i64) -> anyhow::Result<()> {
        self.publish(&[PatientId::generate(), PatientId::generate()]).await?;
        self.work_until_anchored(number).await
    }

    /// An entry that shows these patients' data.
    async fn publish(&self, patients: &[PatientId]) -> anyhow::Result<()> {
        let bus = self.nats.bus().await?;
        let publisher = AuditPublisher::start(&bus, &Shutdown::new());
        Ok(publisher.publish(&any_entry(patients), None, PATIENCE).await?)
    }

    fn start_worker(&self) -> anyhow::Result<(ManagedProcess, LogFile)> {
        let log = LogFile::open(&self.home.path().join("logs"), "audit")?;
        let mut command = self.command(&["worker", "audit"]);
        command.stdout(log.stdio()?).stderr(log.stdio()?).stdin(std::process::Stdio::null());
        let registry = Registry::of_home(self.home.path())?;
        let plan = StopPlan::terminate(PATIENCE);
        Ok((ManagedProcess::spawn(&registry, "audit", command, plan)?, log))
    }

    /// Lets a worker work until the anchor says that this seal was made meanwhile.
    async fn work_until_anchored(&self, seal: i64) -> anyhow::Result<()> {
        let bucket = self.nats.bus().await?.key_value(KvBucket::AuditAnchor).await?;
        let before = bucket.get("last").await?.unwrap_or_default();
        let (mut worker, log) = self.start_worker()?;
        let give_up = Instant::now() + PATIENCE;
        loop {
            let anchor = bucket.get("last").await?.unwrap_or_default();
            let is_new = anchor != before;
            let anchor: Value = serde_json::from_slice(&anchor).unwrap_or_default();
            if is_new && anchor["seal"] == seal {
                break;
            }
            ensure!(Instant::now() < give_up, "no seal {seal}: {anchor} {}", log.tail());
            sleep(Duration::from_millis(10)).await;
        }
        let status = worker.stop().await?;
        ensure!(status.success(), "{status}: {}", log.tail());
        Ok(())
    }

    async fn tamper(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.tamperer.batch_execute(sql).await?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let url = |role| self.database.url_for(role).expose_secret().to_owned();
        let mut command = Command::new(program());
        command
            .env_clear()
            .envs(small_streams())
            .env("MC_DATABASE__AUDIT_URL", url(ServiceRole::Audit))
            .env("MC_DATABASE__AUDITOR_URL", url(ServiceRole::Auditor))
            .env("MC_AUDIT__METRICS_LISTEN", "127.0.0.1:0")
            .env("NATS_URL", self.nats.url())
            .args(arguments);
        command
    }

    async fn verify(&self) -> anyhow::Result<(Value, i32)> {
        let output = self.command(&["audit", "verify", "--json"]).output().await?;
        let verdict = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((verdict, output.status.code().context("killed")?))
    }

    /// What is found, and nothing else; people are told the same.
    async fn finds(&self, findings: Value) -> anyhow::Result<()> {
        let (verdict, code) = self.verify().await?;
        assert_eq!(verdict["findings"], findings, "{verdict:#}");
        assert_eq!((code, &verdict["intact"]), (NOT_INTACT, &Value::from(false)));
        let output = self.command(&["audit", "verify"]).output().await?;
        assert_eq!(output.status.code(), Some(NOT_INTACT));
        let said = String::from_utf8(output.stdout)?;
        ensure!(said.ends_with("the audit log is NOT INTACT\n"), "{said}");
        Ok(())
    }
}

#[tokio::test]
async fn an_untouched_log_is_intact() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let (verdict, code) = sealed.verify().await?;
    assert_eq!(code, INTACT, "{verdict:#}");
    let expected = json!({ "intact": true, "rows": 6, "seals": 3, "last_seal": 3,
        "anchored_seal": 3, "waiting": 0, "findings": [] });
    for (name, value) in expected.as_object().context("an object")? {
        assert_eq!(verdict[name], *value, "{name}");
    }
    assert_eq!(verdict["last_hash"].as_str().map(str::len), Some(64));
    Ok(())
}

#[tokio::test]
async fn an_empty_log_is_intact() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let empty = Sealed {
        database: TestDatabase::create().await?,
        nats: TestNats::start().await?,
        ..sealed
    };
    empty.nats.bus().await?;
    let (verdict, code) = empty.verify().await?;
    assert_eq!((code, &verdict["rows"]), (INTACT, &Value::from(0)), "{verdict:#}");
    Ok(())
}

#[tokio::test]
async fn an_edited_row_is_named_whichever_column_it_is() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let columns = "SELECT column_name::text FROM information_schema.columns
        WHERE table_name = 'audit_log' AND column_name <> 'position'";
    let columns = sealed.tamperer.query(columns, &[]).await?;
    ensure!(columns.len() > 20);
    for column in columns.iter().map(|row| row.get::<_, String>(0)) {
        // Another value of the same type, that the table's checks let pass.
        let value = match column.as_str() {
            "stream" => "'MC_EVENTS'",
            "action" => "'D'",
            "outcome" => "8",
            "recorded_at" => "recorded_at + interval '1 microsecond'",
            "message_sha256" => "sha256('')",
            "sequence" | "resource_version" | "occurrences" | "gap_from" => "1000000",
            name if name.ends_with("_id") => "gen_random_uuid()",
            _ => "'somebody else'",
        };
        let keep = "CREATE TEMP TABLE before AS SELECT * FROM audit_log WHERE position = 4";
        sealed.tamper(keep).await?;
        sealed
            .tamper(&format!("UPDATE audit_log SET {column} = {value} WHERE position = 4"))
            .await?;
        let (verdict, code) = sealed.verify().await?;
        let expected = json!([{ "what": "row_changed", "row": 4, "seal": 2 }]);
        assert_eq!((code, &verdict["findings"]), (NOT_INTACT, &expected), "{column}");
        let restore = "DELETE FROM audit_log WHERE position = 4;
            INSERT INTO audit_log SELECT * FROM before; DROP TABLE before";
        sealed.tamper(restore).await?;
    }
    assert_eq!(sealed.verify().await?.1, INTACT, "everything is as it was");

    sealed.tamper("UPDATE audit_log SET recorded_at = 'infinity' WHERE position = 1").await?;
    sealed.finds(json!([{ "what": "row_changed", "row": 1, "seal": 1 }])).await
}

#[tokio::test]
async fn a_deleted_row_is_named() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed.tamper("DELETE FROM audit_log WHERE position = 3").await?;
    sealed.finds(json!([{ "what": "rows_missing", "from": 3, "to": 3, "seal": 2 }])).await?;
    // Closing the gap doesn't help.
    sealed.tamper("UPDATE audit_log SET position = 3 WHERE position = 4").await?;
    let expected = json!([
        { "what": "rows_missing", "from": 4, "to": 4, "seal": 2 },
        { "what": "row_moved", "row": 3, "sealed_as": 4 },
    ]);
    sealed.finds(expected).await
}

#[tokio::test]
async fn rows_that_changed_places_are_named() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed
        .tamper(
            "UPDATE audit_log SET position = 100 WHERE position = 2;
             UPDATE audit_log SET position = 2 WHERE position = 5;
             UPDATE audit_log SET position = 5 WHERE position = 100",
        )
        .await?;
    let expected = json!([
        { "what": "row_moved", "row": 2, "sealed_as": 5 },
        { "what": "row_moved", "row": 5, "sealed_as": 2 },
    ]);
    sealed.finds(expected).await
}

#[tokio::test]
async fn an_added_row_is_named() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed
        .tamper(
            "CREATE TEMP TABLE copy AS SELECT * FROM audit_log WHERE position = 6;
             UPDATE copy SET position = 7; INSERT INTO audit_log SELECT * FROM copy",
        )
        .await?;
    sealed.finds(json!([{ "what": "rows_unsealed", "from": 7, "count": 1 }])).await
}

#[tokio::test]
async fn an_edited_or_deleted_seal_is_named() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed.tamper("UPDATE audit_seals SET sealed_at = now() WHERE number = 2").await?;
    sealed.finds(json!([{ "what": "seal_changed", "seal": 2 }])).await?;
    sealed.tamper("DELETE FROM audit_seals WHERE number = 2").await?;
    let expected = json!([
        { "what": "seals_missing", "from": 2, "to": 2 },
        { "what": "rows_unsealed", "from": 3, "count": 2 },
    ]);
    sealed.finds(expected).await
}

#[tokio::test]
async fn a_cut_tail_is_named_and_stays_so_after_new_seals() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed
        .tamper(
            "DELETE FROM audit_log WHERE position > 4;
             DELETE FROM audit_seals WHERE number > 2",
        )
        .await?;
    let cut =
        json!([{ "what": "tail_cut", "last_seal": 2, "anchored_seal": 3, "anchored_row": 6 }]);
    sealed.finds(cut).await?;

    // The worker seals again what the stream still has: the rows are back, and yet it isn't the
    // log that it was. The anchor that betrays it is kept.
    sealed.work_until_anchored(3).await?;
    let (verdict, code) = sealed.verify().await?;
    assert_eq!((code, &verdict["rows"]), (NOT_INTACT, &Value::from(6)));
    assert_eq!(verdict["findings"], json!([{ "what": "rewritten", "seal": 3 }]), "{verdict:#}");
    sealed.add_a_seal(4).await?;
    sealed.finds(json!([{ "what": "rewritten", "seal": 3 }])).await
}

#[tokio::test]
async fn a_log_that_was_emptied_is_named() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    sealed.tamper("TRUNCATE audit_log; TRUNCATE audit_seals").await?;
    let cut =
        json!([{ "what": "tail_cut", "last_seal": 0, "anchored_seal": 3, "anchored_row": 6 }]);
    sealed.finds(cut).await
}

#[tokio::test]
async fn a_missing_anchor_is_said() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let bus = sealed.nats.bus().await?;
    bus.key_value(KvBucket::AuditAnchor).await?.purge("last").await?;
    sealed.finds(json!([{ "what": "no_anchor" }])).await
}

#[tokio::test]
async fn streams_that_were_lost_and_made_anew_are_read_from_their_beginning() -> anyhow::Result<()>
{
    let mut sealed = Sealed::new().await?;
    sealed.nats = TestNats::start().await?;
    sealed.nats.bus().await?;
    let expected = json!([
        { "what": "no_anchor" },
        { "what": "stream_remade", "stream": "MC_AUDIT", "sealed": 3 },
        { "what": "stream_remade", "stream": "MC_EVENTS", "sealed": 0 },
    ]);
    sealed.finds(expected).await?;

    // More than was sealed of the old one: nothing of it may be taken for what is known.
    for _ in 0..5 {
        sealed.publish(&[]).await?;
    }
    sealed.work_until_anchored(4).await?;
    let (verdict, code) = sealed.verify().await?;
    assert_eq!((code, &verdict["rows"]), (INTACT, &Value::from(6 + 2 + 5)), "{verdict:#}");
    let notices = json!([
        { "what": "remade", "row": 7, "stream": "MC_AUDIT", "sealed": 3 },
        { "what": "remade", "row": 13, "stream": "MC_EVENTS", "sealed": 0 },
    ]);
    assert_eq!((&verdict["notices"], &verdict["waiting"]), (&notices, &json!(0)));
    let output = sealed.command(&["audit", "verify"]).output().await?;
    let said = String::from_utf8(output.stdout)?;
    assert!(said.contains("MC_AUDIT was made anew"), "{said}");

    // And the new one is the one that is known from now on.
    sealed.add_a_seal(5).await?;
    let (verdict, code) = sealed.verify().await?;
    assert_eq!((code, &verdict["notices"]), (INTACT, &notices), "{verdict:#}");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_made_anew_under_a_worker_is_noticed() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let sequences = "SELECT count(*) FROM audit_log WHERE kind <> 'gap'";
    let wait_for = async |rows: i64| {
        let give_up = Instant::now() + PATIENCE;
        while sealed.tamperer.query_one(sequences, &[]).await?.get::<_, i64>(0) < rows {
            ensure!(Instant::now() < give_up, "there aren't {rows} rows");
            sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    let (mut worker, log) = sealed.start_worker()?;
    sealed.publish(&[]).await?;
    wait_for(7).await?;
    jetstream::new(sealed.nats.client().await?).delete_stream(subjects::AUDIT).await?;
    for _ in 0..6 {
        sealed.publish(&[]).await?;
    }
    wait_for(13).await.with_context(|| log.tail())?;
    ensure!(worker.stop().await?.success(), "{}", log.tail());
    let (verdict, code) = sealed.verify().await?;
    assert_eq!((code, &verdict["rows"]), (INTACT, &Value::from(14)), "{verdict:#}");
    assert_eq!(verdict["notices"][0]["what"], "remade", "{verdict:#}");
    Ok(())
}

#[tokio::test]
async fn messages_that_are_gone_before_they_are_sealed_are_said() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    for _ in 0..3 {
        sealed.publish(&[]).await?;
    }
    let context = jetstream::new(sealed.nats.client().await?);
    // All but the last of them.
    context.get_stream(subjects::AUDIT).await?.purge().sequence(6).await?;
    sealed.work_until_anchored(4).await?;
    let (verdict, code) = sealed.verify().await?;
    let notices = json!([{ "what": "gap", "row": 7, "stream": "MC_AUDIT", "from": 4, "to": 5 }]);
    assert_eq!((code, &verdict["notices"]), (INTACT, &notices), "{verdict:#}");
    Ok(())
}

#[tokio::test]
async fn what_the_tables_would_refuse_is_named_too() -> anyhow::Result<()> {
    let sealed = Sealed::new().await?;
    let unchecked = "DO $$ DECLARE it record; BEGIN
        FOR it IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
            WHERE contype = 'c' AND conrelid IN ('audit_log'::regclass, 'audit_seals'::regclass)
        LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.relation, it.conname);
        END LOOP; END $$";
    sealed.tamper(unchecked).await?;
    let stray = "CREATE TEMP TABLE copy AS SELECT * FROM audit_log WHERE position = 6;
        UPDATE copy SET position = 0; INSERT INTO audit_log SELECT * FROM copy;
        UPDATE copy SET position = -1; INSERT INTO audit_log SELECT * FROM copy";
    sealed.tamper(stray).await?;
    sealed.finds(json!([{ "what": "rows_unsealed", "from": -1, "count": 2 }])).await?;
    sealed.tamper("DELETE FROM audit_log WHERE position < 1").await?;

    let columns = "SELECT column_name::text FROM information_schema.columns
        WHERE table_name = 'audit_seals' AND column_name <> 'number'";
    let columns = sealed.tamperer.query(columns, &[]).await?;
    ensure!(columns.len() > 10);
    let largest = ("first_row".to_owned(), "9223372036854775807");
    let longer = ("leaves".to_owned(), "leaves || '\\x00'");
    let nothing = columns.iter().map(|row| (row.get::<_, String>(0), "NULL"));
    for (column, value) in nothing.chain([largest, longer]) {
        let change = format!(
            "ALTER TABLE audit_seals ALTER COLUMN {column} DROP NOT NULL;
             CREATE TEMP TABLE before AS SELECT * FROM audit_seals WHERE number = 2;
             UPDATE audit_seals SET {column} = {value} WHERE number = 2"
        );
        sealed.tamper(&change).await?;
        let (verdict, code) = sealed.verify().await?;
        let findings = verdict["findings"].as_array().context("a list")?;
        let changed = json!({ "what": "seal_changed", "seal": 2 });
        ensure!(code == NOT_INTACT && findings.contains(&changed), "{column}: {verdict:#}");
        let restore = "DELETE FROM audit_seals WHERE number = 2;
            INSERT INTO audit_seals SELECT * FROM before; DROP TABLE before";
        sealed.tamper(restore).await?;
    }
    assert_eq!(sealed.verify().await?.1, INTACT, "everything is as it was");

    let nameless = "ALTER TABLE audit_log DROP CONSTRAINT audit_log_pkey;
        ALTER TABLE audit_log ALTER COLUMN position DROP NOT NULL;
        UPDATE copy SET position = NULL; INSERT INTO audit_log SELECT * FROM copy";
    sealed.tamper(nameless).await?;
    sealed.finds(json!([{ "what": "nameless", "count": 1 }])).await
}

#[tokio::test]
async fn without_servers_it_cannot_tell_and_says_what_to_do() -> anyhow::Result<()> {
    let mut sealed = Sealed::new().await?;
    sealed.database.take_away().await?;
    let output = sealed.command(&["audit", "verify"]).output().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(CANNOT_TELL), "{said}");
    assert!(said.contains("the audit log can't be read"), "{said}");
    sealed.database.bring_back().await?;

    sealed.nats.kill().await?;
    let output = sealed.command(&["audit", "verify"]).output().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(CANNOT_TELL), "{said}");
    assert!(said.contains("NATS_URL"), "{said}");
    Ok(())
}
