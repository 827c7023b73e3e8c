//! A real PostgreSQL through its whole life.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use servers::{PostgresOptions, PrivatePostgres};
use support::{closed_home, connect, is_running, not_durable, open_home, postgres};
use tokio_postgres::NoTls;

#[tokio::test]
async fn starts_keeps_data_over_a_stop_and_leaves_nothing_running() {
    let home = open_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    connect(&server).await.batch_execute("CREATE TABLE kept (id int)").await.unwrap();
    let first_pid = server.pid();
    server.stop().await.unwrap();
    assert!(!is_running(first_pid));
    assert_eq!(fs::read_dir(home.path().join("run")).unwrap().count(), 0, "a record was left");

    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    connect(&server).await.batch_execute("SELECT FROM kept").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn recovers_after_a_kill_on_the_same_port() {
    let home = open_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    let port = server.port();
    let client = connect(&server).await;
    client.batch_execute("CREATE TABLE kept (id int)").await.unwrap();
    server.kill().await.unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());

    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    connect(&server).await.batch_execute("SELECT FROM kept").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_generated_password_signs_in() {
    let home = open_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    let without = format!("postgres://mediconnect@127.0.0.1:{}/mediconnect", server.port());
    assert!(tokio_postgres::connect(&without, NoTls).await.is_err());
    let wrong = format!("postgres://mediconnect:guess@127.0.0.1:{}/mediconnect", server.port());
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());

    let folder = home.path().join("postgres");
    let password = fs::metadata(folder.join("superuser.password")).unwrap();
    assert_eq!(password.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn its_log_has_raised_lines_and_no_values_of_rows() {
    let home = open_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    let client = connect(&server).await;
    client.batch_execute("DO $$ BEGIN RAISE LOG 'request %', 'abc-123'; END $$").await.unwrap();
    client.batch_execute("CREATE TABLE person (email text PRIMARY KEY)").await.unwrap();
    for _ in 0..2 {
        let canary: &str = "canary@example.org";
        let _ = client.execute("INSERT INTO person VALUES ($1)", &[&canary]).await;
    }
    server.stop().await.unwrap();
    let log = fs::read_to_string(server.log_path()).unwrap();
    assert!(log.contains("mediconnect@mediconnect LOG:  request abc-123"), "{log}");
    assert!(log.contains("duplicate key value"), "{log}");
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn start_error_quotes_the_log() {
    let home = open_home();
    let options =
        PostgresOptions { settings: vec![("shared_buffers", "none".into())], ..not_durable() };
    let error = PrivatePostgres::start(&postgres(), home.path(), options).await.unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_advice() {
    let home = open_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    server.stop().await.unwrap();
    fs::write(home.path().join("postgres/data/PG_VERSION"), "14\n").unwrap();
    let error = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap_err();
    assert!(error.to_string().contains("--fresh"), "{error}");
}

#[tokio::test]
async fn dropped_server_is_ended() {
    let home = open_home();
    let server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    let pid = server.pid();
    drop(server);
    assert!(!is_running(pid));
}

/// For an ordinary user every home of his own is reachable, and the data stays in it.
#[tokio::test]
async fn data_of_a_home_closed_to_other_accounts_is_kept_elsewhere_for_root_only() {
    let home = closed_home();
    let mut server = PrivatePostgres::start(&postgres(), home.path(), not_durable()).await.unwrap();
    server.stop().await.unwrap();
    let folder = home.path().join("postgres");
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    assert_eq!(folder.is_symlink(), is_root);
    let data = folder.canonicalize().unwrap();
    PrivatePostgres::remove(home.path()).unwrap();
    assert!(!data.exists() && !folder.is_symlink());
}
