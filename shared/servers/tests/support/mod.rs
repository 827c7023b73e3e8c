//! Homes for real servers.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;
use servers::{NatsBinary, PostgresBinaries, PostgresOptions, PrivatePostgres};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A home that any account can enter, so that PostgreSQL's data stays in it for root as well.
pub fn open_home() -> TempDir {
    home_with_mode(0o755)
}

/// A home that only this account can enter.
pub fn closed_home() -> TempDir {
    home_with_mode(0o700)
}

fn home_with_mode(mode: u32) -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempdir().unwrap()
}

pub fn postgres() -> PostgresBinaries {
    PostgresBinaries::find().unwrap()
}

pub fn nats() -> NatsBinary {
    NatsBinary::find().unwrap()
}

/// Tests don't cut the power.
pub fn not_durable() -> PostgresOptions {
    PostgresOptions { durable: false, ..PostgresOptions::default() }
}

pub async fn connect(server: &PrivatePostgres) -> Client {
    let url = server.owner_url("mediconnect");
    let (client, connection) = tokio_postgres::connect(url.expose_secret(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}
