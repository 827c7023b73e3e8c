//! Several workers, servers that go away, and streams that aren't what they were.

use domain::PatientId;
use store::ServiceRole;
use testkit::any_entry;

use super::log::Log;

#[tokio::test]
async fn one_works_and_the_other_waits_for_its_end() {
    let log = Log::open().await;
    let first = log.start_worker();
    log.record(&any_entry(&[])).await;
    log.until_rows(1).await;
    let second = log.start_worker();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'mediconnect-audit'";
    log.until(waiting, 2).await;
    let leading = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE locktype = 'advisory' AND d.datname = current_database()";
    assert_eq!(log.number(leading).await, 1);
    for _ in 0..20 {
        log.record(&any_entry(&[])).await;
    }
    log.until_rows(21).await;
    assert!(!second.has_ended());

    first.stop().await;
    log.record(&any_entry(&[])).await;
    log.until_rows(22).await;
    second.stop().await;
    assert_eq!(log.number("SELECT count(DISTINCT sequence) FROM audit_log").await, 22);
}

#[tokio::test]
async fn goes_on_when_a_server_is_back() {
    let mut log = Log::open().await;
    let worker = log.start_worker();
    log.record(&any_entry(&[])).await;
    log.until_rows(1).await;

    log.database.take_away().await.unwrap();
    log.record(&any_entry(&[])).await;
    log.database.bring_back().await.unwrap();
    log.until_rows(2).await;

    log.nats.kill().await.unwrap();
    log.nats.restart().await.unwrap();
    log.record(&any_entry(&[PatientId::generate()])).await;
    log.until_rows(3).await;
    worker.stop().await;
}

#[tokio::test]
async fn its_connection_can_be_cut_at_any_moment() {
    let log = Log::open().await;
    let worker = log.start_worker();
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'mediconnect-audit'";
    let connected = "SELECT least(count(*), 1) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'mediconnect-audit'";
    for _ in 0..5 {
        for _ in 0..20 {
            log.record(&any_entry(&[PatientId::generate()])).await;
        }
        log.until(connected, 1).await;
        assert!(log.number(cut).await > 0, "the connection was gone before it could be cut");
    }
    log.until("SELECT coalesce(max(audit_to), 0) FROM audit_seals", 100).await;
    worker.stop().await;
    assert_eq!(log.number("SELECT count(*) FROM audit_log").await, 100);
    assert_eq!(log.number("SELECT count(DISTINCT sequence) FROM audit_log").await, 100);
}

#[tokio::test]
async fn says_that_a_stream_was_made_anew_and_reads_it_from_its_beginning() {
    let log = Log::open().await;
    for _ in 0..3 {
        log.record(&any_entry(&[])).await;
    }
    let worker = log.start_worker();
    log.until_rows(3).await;
    worker.stop().await;

    let context = log.jetstream().await;
    context.delete_stream(contracts::subjects::AUDIT).await.unwrap();
    let worker = log.start_worker();
    log.until_rows(4).await;
    // More than was sealed of the old one.
    for _ in 0..5 {
        log.record(&any_entry(&[])).await;
    }
    log.until_rows(9).await;
    worker.stop().await;
    let gap = "SELECT count(*) FROM audit_log WHERE position = 4 AND kind = 'gap'
        AND reason = 'remade' AND gap_from = 4 AND sequence = 0";
    assert_eq!(log.number(gap).await, 1);
    let entries = "SELECT count(DISTINCT entry_id) FROM audit_log WHERE kind <> 'gap'";
    assert_eq!(log.number(entries).await, 8);
    // The old stream's beginning, and the new one's.
    assert!(log.number("SELECT count(*) FROM audit_seals WHERE audit_from = 1").await >= 2);
}

#[tokio::test]
async fn refuses_a_schema_that_it_does_not_know() {
    let log = Log::open().await;
    log.admin.batch_execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let failure = log.start_worker().failure().await;
    assert!(failure.contains("mediconnect migrate"), "{failure}");
}

#[tokio::test]
async fn a_second_writer_cannot_fork_the_log() {
    let log = Log::open().await;
    log.record(&any_entry(&[])).await;
    let worker = log.start_worker();
    log.until_rows(1).await;
    worker.stop().await;
    let writer = log.database.connect_as(ServiceRole::Audit).await.unwrap();
    let fork = "INSERT INTO audit_seals (number, previous_hash, hash, sealed_at, first_row,
            last_row, audit_from, audit_to, events_from, events_to, leaves)
        VALUES (2, decode(repeat('00', 32), 'hex'), sha256(''), now(), 2, 2, 2, 2, 1, 0, sha256(''))";
    let refused = writer.batch_execute(fork).await.unwrap_err();
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION));
}
