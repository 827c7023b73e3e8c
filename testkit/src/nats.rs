//! A nats-server of a test's own.

use std::time::Duration;

use anyhow::Context;
use bus::Bus;
use runtime::settings::NatsSettings;
use servers::{NatsBinary, NatsOptions, PrivateNats};
use tempfile::TempDir;

/// What a test's stream may hold, in bytes. The server refuses to make a stream unless the disk has
/// room for all that it may hold, so with the defaults a few tests at a time need tens of gigabytes.
const STREAM_MAX_BYTES: u64 = 64 << 20;

/// The same for a process of its own, as names and values for its environment.
pub fn small_streams() -> impl Iterator<Item = (String, String)> {
    ["COMMANDS", "EVENTS", "AUDIT", "DEAD"]
        .into_iter()
        .map(|stream| (format!("MC_NATS__{stream}_MAX_BYTES"), STREAM_MAX_BYTES.to_string()))
}

/// A running nats-server with an empty store, which ends with the test.
pub struct TestNats {
    server: PrivateNats,
    _home: TempDir,
}

impl TestNats {
    /// Starts one. It doesn't sync every write: tests kill processes, not machines.
    pub async fn start() -> anyhow::Result<Self> {
        let binary = NatsBinary::find().context("run the tests with `./dev test`")?;
        let home = TempDir::with_prefix("mediconnect-nats-")?;
        let options = NatsOptions { sync_always: false, ..NatsOptions::default() };
        let server = PrivateNats::start(&binary, home.path(), options).await?;
        Ok(Self { server, _home: home })
    }

    /// Settings with which a service finds it.
    pub fn settings(&self) -> NatsSettings {
        NatsSettings {
            url: self.server.url(),
            commands_max_bytes: STREAM_MAX_BYTES,
            events_max_bytes: STREAM_MAX_BYTES,
            audit_max_bytes: STREAM_MAX_BYTES,
            dead_max_bytes: STREAM_MAX_BYTES,
            ..NatsSettings::default()
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A connection with the streams made.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        let bus = Bus::connect(&self.settings(), "test").await?;
        bus.ensure_topology().await?;
        Ok(bus)
    }

    /// A plain client, to look at the streams and to do what a well-behaved service doesn't.
    pub async fn client(&self) -> anyhow::Result<async_nats::Client> {
        let options = async_nats::ConnectOptions::new()
            .request_timeout(Some(Duration::from_secs(5)))
            .max_reconnects(None);
        Ok(options.connect(self.url()).await?)
    }

    /// kill -9.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.server.kill().await?)
    }

    /// kill -STOP: it is there, and says nothing.
    pub fn suspend(&self) -> anyhow::Result<()> {
        Ok(self.server.suspend()?)
    }

    /// kill -CONT.
    pub fn resume(&self) -> anyhow::Result<()> {
        Ok(self.server.resume()?)
    }

    /// Starts it again on the same port with the same store.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        Ok(self.server.restart().await?)
    }
}
