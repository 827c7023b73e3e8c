//! Who may do what with the log, asked with raw SQL.

use secrecy::ExposeSecret as _;
use store::ServiceRole;
use testkit::any_entry;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::log::Log;

const TABLES: [&str; 2] = ["audit_log", "audit_seals"];

/// A log with two rows.
async fn log() -> Log {
    let log = Log::open().await;
    for _ in 0..2 {
        log.record(&any_entry(&[])).await;
    }
    let worker = log.start_worker();
    log.until_rows(2).await;
    worker.stop().await;
    log
}

async fn refuse(client: &Client, sql: &str) {
    let refused = client.batch_execute(sql).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
}

fn changes(table: &str) -> [String; 3] {
    let column = if table == "audit_log" { "kind" } else { "hash" };
    [
        format!("UPDATE {table} SET {column} = {column}"),
        format!("DELETE FROM {table}"),
        format!("TRUNCATE {table}"),
    ]
}

#[tokio::test]
async fn no_service_can_change_or_remove_anything() {
    let log = log().await;
    for role in ServiceRole::ALL {
        let client = log.database.connect_as(role).await.unwrap();
        for sql in TABLES.iter().flat_map(|table| changes(table)) {
            refuse(&client, &sql).await;
        }
        for table in TABLES {
            refuse(&client, &format!("ALTER TABLE {table} DISABLE TRIGGER ALL")).await;
            refuse(&client, &format!("DROP TABLE {table}")).await;
        }
    }
}

#[tokio::test]
async fn neither_can_the_owner_nor_an_unsuspecting_superuser() {
    let log = log().await;
    let url = log.database.owner_url().expose_secret();
    let (owner, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for sql in TABLES.iter().flat_map(|table| changes(table)) {
        refuse(&owner, &sql).await;
        refuse(&log.admin, &sql).await;
    }
    assert_eq!(log.number("SELECT count(*) FROM audit_log").await, 2);
}

#[tokio::test]
async fn the_writer_only_adds_and_the_auditor_only_reads() {
    let log = log().await;
    let writer = log.database.connect_as(ServiceRole::Audit).await.unwrap();
    refuse(&writer, "SELECT * FROM audit_log").await;
    refuse(&writer, "SELECT leaves FROM audit_seals").await;
    refuse(&writer, "SELECT * FROM users").await;
    let auditor = log.database.connect_as(ServiceRole::Auditor).await.unwrap();
    for table in TABLES {
        let rows = auditor.query(&format!("SELECT * FROM {table}"), &[]).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        refuse(&auditor, &format!("INSERT INTO {table} SELECT * FROM {table}")).await;
    }
    for role in [ServiceRole::Accounts, ServiceRole::Booking, ServiceRole::Ops, ServiceRole::Api] {
        let client = log.database.connect_as(role).await.unwrap();
        for table in TABLES {
            refuse(&client, &format!("SELECT * FROM {table}")).await;
            refuse(&client, &format!("INSERT INTO {table} DEFAULT VALUES")).await;
        }
    }
}

#[tokio::test]
async fn through_api_only_administrators_see_it() {
    const PAGE: &str = "SELECT * FROM audit_page(NULL, NULL, NULL, NULL, NULL, NULL, NULL, 100)";
    let log = log().await;
    let api = log.database.connect_as(ServiceRole::Api).await.unwrap();
    assert!(api.query(PAGE, &[]).await.unwrap().is_empty(), "without a caller");
    for (role, expected) in [("patient", 0), ("doctor", 0), ("operator", 0), ("admin", 2)] {
        let begin = format!("BEGIN; SELECT begin_as('{0}', '{role}', '{0}')", Uuid::new_v4());
        api.batch_execute(&begin).await.unwrap();
        assert_eq!(api.query(PAGE, &[]).await.unwrap().len(), expected, "{role}");
        api.batch_execute("ROLLBACK").await.unwrap();
    }
    for role in [ServiceRole::Accounts, ServiceRole::Booking, ServiceRole::Ops] {
        let client = log.database.connect_as(role).await.unwrap();
        refuse(&client, PAGE).await;
    }
}
