//! A real nats-server through its whole life.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream};
use secrecy::ExposeSecret;
use servers::{NatsBinary, NatsLogin, NatsOptions, PrivateNats, generate_password};
use support::{is_running, nats, open_home};

async fn jetstream(server: &PrivateNats) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

#[tokio::test]
async fn acknowledged_messages_survive_a_kill_and_the_port_stays() {
    let home = open_home();
    let mut server =
        PrivateNats::start(&nats(), home.path(), NatsOptions::default()).await.unwrap();
    let port = server.port();
    let config = stream::Config {
        name: "KEPT".into(),
        subjects: vec!["kept".into()],
        ..stream::Config::default()
    };
    let context = jetstream(&server).await;
    context.create_stream(config).await.unwrap();
    context.publish("kept", "one".into()).await.unwrap().await.unwrap();

    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    let mut kept = jetstream(&server).await.get_stream("KEPT").await.unwrap();
    assert_eq!(kept.info().await.unwrap().state.messages, 1);

    let pid = server.pid();
    server.stop().await.unwrap();
    assert!(!is_running(pid));
    assert_eq!(fs::read_dir(home.path().join("run")).unwrap().count(), 0, "a record was left");
}

#[tokio::test]
async fn with_a_login_nobody_else_gets_in() {
    let home = open_home();
    let password = generate_password();
    let login = NatsLogin { user: "mediconnect".into(), password: password.clone() };
    let options = NatsOptions { login: Some(login), ..NatsOptions::default() };
    let mut server = PrivateNats::start(&nats(), home.path(), options).await.unwrap();

    assert!(async_nats::connect(server.url()).await.is_err());
    let password = password.expose_secret().to_owned();
    let client = ConnectOptions::with_user_and_password("mediconnect".into(), password);
    client.connect(server.url()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn dropped_server_is_ended() {
    let home = open_home();
    let server = PrivateNats::start(&nats(), home.path(), NatsOptions::default()).await.unwrap();
    let pid = server.pid();
    drop(server);
    assert!(!is_running(pid));
}

#[tokio::test]
async fn start_error_quotes_the_log() {
    let home = open_home();
    fs::create_dir_all(home.path().join("nats")).unwrap();
    fs::write(home.path().join("nats/store"), "not a folder").unwrap();
    let error = PrivateNats::start(&nats(), home.path(), NatsOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("storage directory"), "{error}");
}

/// 2.9 is what Debian ships; it drops in silence what the streams rely on.
#[test]
fn old_server_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("nats-server");
    fs::write(&script, "#!/bin/sh\necho 'nats-server: v2.9.10'\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let refusal = NatsBinary::at(&script).unwrap_err().to_string();
    assert!(refusal.contains("is nats-server 2.9, and MediConnect needs nats-server 2.14"));
    assert!(refusal.contains("./dev up"), "{refusal}");
}
