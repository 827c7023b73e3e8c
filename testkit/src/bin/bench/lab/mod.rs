//! What measurements stand on: durable servers, databases that all begin alike, and the services
//! in processes of their own.

mod clinic;
mod home;
mod http;
mod programs;
mod rows;
mod template;
mod usage;

use std::path::Path;
use std::str::FromStr as _;

use anyhow::Context as _;
use async_nats::jetstream;
use bus::{Bus, KvBucket};
use contracts::{AuditAnchor, subjects};
use futures::TryStreamExt as _;
use runtime::settings::NatsSettings;
use secrecy::{ExposeSecret as _, SecretString};
use servers::{
    NatsBinary, NatsOptions, PostgresBinaries, PostgresOptions, PrivateNats, PrivatePostgres,
};
use store::{ServiceRole, with_login};
use tokio_postgres::{Client, NoTls};

pub use clinic::{Booking, Clinic};
pub use home::Home;
pub use http::post;
pub use programs::{
    Program, api, audit_worker, booking_worker, eligibility_worker, insurer, mediconnect,
};
pub use rows::{Table, count, count_while};
pub use usage::{CpuMeter, Memory, Who};

/// The password of every role on the private server, which listens on loopback only and ends with
/// the run.
pub const PASSWORD: &str = "only for the bench";

/// Running servers and a prepared database.
#[derive(Debug)]
pub struct Lab {
    // In this order they end when the run is cut off.
    nats: PrivateNats,
    postgres: PrivatePostgres,
    binaries: PostgresBinaries,
    home: std::path::PathBuf,
    clinic: Clinic,
}

/// One database of the server.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: SecretString,
}

impl Lab {
    /// Starts the servers as `mediconnect up` would, and prepares the template.
    pub async fn start(home: &Home) -> anyhow::Result<Self> {
        let binaries = PostgresBinaries::find()?;
        let home = home.path();
        let (postgres, nats) = tokio::try_join!(
            PrivatePostgres::start(&binaries, home, PostgresOptions::default()),
            async { PrivateNats::start(&NatsBinary::find()?, home, NatsOptions::default()).await },
        )?;
        let clinic = Clinic::invent();
        let lab = Self { nats, postgres, binaries, home: home.to_owned(), clinic };
        lab.bus().await?;
        template::prepare(&lab).await.context("preparing the database")?;
        Ok(lab)
    }

    /// Stops the servers.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.nats.stop().await?;
        Ok(self.postgres.stop().await?)
    }

    /// The folder with everything.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Who is there, and what they want.
    pub fn clinic(&self) -> &Clinic {
        &self.clinic
    }

    /// The servers' processes.
    pub fn servers(&self) -> [Who; 2] {
        [Who::Postgres(self.postgres.pid()), Who::Process("nats-server", self.nats.pid())]
    }

    /// One of PostgreSQL's programs.
    pub fn postgres_program(&self, name: &str) -> std::path::PathBuf {
        self.binaries.program(name)
    }

    /// PostgreSQL's port.
    pub fn postgres_port(&self) -> u16 {
        self.postgres.port()
    }

    /// PostgreSQL's version, in full.
    pub async fn postgres_version(&self) -> anyhow::Result<String> {
        let client = connect(&self.postgres.owner_url("postgres")).await?;
        Ok(client.query_one("SHOW server_version", &[]).await?.get(0))
    }

    /// nats-server's version, in full.
    pub async fn nats_version(&self) -> anyhow::Result<String> {
        Ok(self.nats_client().await?.server_info().version)
    }

    /// A copy of the template, everything on disk.
    pub async fn database(&self, name: &str) -> anyhow::Result<Database> {
        let admin = connect(&self.postgres.owner_url("postgres")).await?;
        let name = format!("bench_{name}");
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", template::NAME)).await?;
        // So that the checkpoints of one measurement don't fall into the next.
        admin.batch_execute("CHECKPOINT").await?;
        let url = self.postgres.owner_url(&name);
        Ok(Database { name, url })
    }

    /// Drops a database that nobody needs any more.
    pub async fn drop_database(&self, database: Database) -> anyhow::Result<()> {
        let admin = connect(&self.postgres.owner_url("postgres")).await?;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", database.name);
        Ok(admin.batch_execute(&drop).await?)
    }

    /// Settings with which the bus finds nats-server.
    pub fn nats_settings(&self) -> NatsSettings {
        NatsSettings { url: self.nats.url(), ..NatsSettings::default() }
    }

    /// The product's own connection, with the streams made.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        let bus = Bus::connect(&self.nats_settings(), "bench").await?;
        bus.ensure_topology().await?;
        Ok(bus)
    }

    /// A plain connection, for what the product doesn't do.
    pub async fn nats_client(&self) -> anyhow::Result<async_nats::Client> {
        Ok(async_nats::connect(self.nats.url()).await?)
    }

    /// Empties the streams and forgets who has read how far.
    pub async fn empty_streams(&self) -> anyhow::Result<()> {
        let jetstream = jetstream::new(self.nats_client().await?);
        for stream in [subjects::COMMANDS, subjects::EVENTS, subjects::AUDIT, subjects::DEAD] {
            jetstream.get_stream(stream).await?.purge().await?;
        }
        self.forget_consumers().await
    }

    /// Makes the stream of audit entries anew, whose first one is 1 again: what comes before it
    /// would be recorded as lost.
    pub async fn begin_audit_anew(&self) -> anyhow::Result<()> {
        jetstream::new(self.nats_client().await?).delete_stream(subjects::AUDIT).await?;
        self.bus().await.map(drop)
    }

    /// Forgets where the audit log ended that was written last.
    pub async fn forget_anchor(&self) -> anyhow::Result<()> {
        let bucket = self.bus().await?.key_value(KvBucket::AuditAnchor).await?;
        Ok(bucket.purge(AuditAnchor::LAST).await?)
    }

    /// Forgets who has read how far: the next worker begins at the beginning.
    pub async fn forget_consumers(&self) -> anyhow::Result<()> {
        let stream =
            jetstream::new(self.nats_client().await?).get_stream(subjects::COMMANDS).await?;
        let names: Vec<String> = stream.consumer_names().try_collect().await?;
        for name in names {
            stream.delete_consumer(&name).await?;
        }
        Ok(())
    }
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection of the superuser, whom row-level security doesn't bind.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        connect(&self.url).await
    }

    /// A connection of a service's role.
    pub async fn connect_as(&self, role: ServiceRole) -> anyhow::Result<Client> {
        connect(&self.url_for(role)?).await
    }

    /// The URL of a service's role.
    pub fn url_for(&self, role: ServiceRole) -> anyhow::Result<SecretString> {
        Ok(with_login(&self.url, role, &PASSWORD.into())?)
    }
}

async fn connect(url: &SecretString) -> anyhow::Result<Client> {
    let config = tokio_postgres::Config::from_str(url.expose_secret())?;
    let (client, connection) = config.connect(NoTls).await.context("connecting to PostgreSQL")?;
    // Ends with the client; an error shows at its next statement.
    tokio::spawn(connection);
    Ok(client)
}
