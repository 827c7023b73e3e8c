//! `mediconnect ledger`, for tests that have servers and no [`crate::System`].

use secrecy::ExposeSecret;
use store::ServiceRole;
use tokio::process::Command;

use crate::{TestDatabase, TestNats, program};

/// The command on these servers, without any arguments.
pub fn ledger_command(database: &TestDatabase, nats: &TestNats) -> Command {
    let mut command = Command::new(program());
    let url = database.url_for(ServiceRole::Ops);
    command
        .env_clear()
        .env("MC_DATABASE__OPS_URL", url.expose_secret())
        .env("NATS_URL", nats.url())
        .arg("ledger");
    command
}
