//! PostgreSQL and NATS: private ones, or those that exist.

use std::time::Duration;

use anyhow::Context;
use bus::Bus;
use runtime::settings::NatsSettings;
use secrecy::SecretString;
use servers::{
    NatsBinary, NatsLogin, NatsOptions, PostgresBinaries, PostgresOptions, PrivateNats,
    PrivatePostgres,
};
use tokio::time::timeout;

use super::home::Home;
use super::screen::Screen;
use super::secrets::Secrets;
use super::start::Wishes;

/// The name that the services sign in with at the private nats-server.
const NATS_USER: &str = "mediconnect";

/// The database of the private PostgreSQL.
const DATABASE: &str = "mediconnect";

/// How long an existing nats-server may take to answer.
const NATS_PATIENCE: Duration = Duration::from_secs(5);

/// Everything the services need to reach a database and a bus.
#[derive(Debug)]
pub struct Backing {
    /// The database's owner.
    pub owner_url: SecretString,
    /// How to reach NATS.
    pub nats: NatsSettings,
    /// Absent when an existing server is used.
    pub postgres: Option<PrivatePostgres>,
    /// Absent when an existing server is used.
    pub nats_server: Option<PrivateNats>,
}

/// Starts or checks both, at the same time.
pub async fn start(
    wishes: &Wishes,
    home: &Home,
    secrets: &Secrets,
    screen: &Screen,
) -> anyhow::Result<Backing> {
    let (postgres, nats) =
        tokio::try_join!(postgres(wishes, home, screen), nats(wishes, home, secrets, screen))?;
    let ((owner_url, postgres), (nats, nats_server)) = (postgres, nats);
    Ok(Backing { owner_url, nats, postgres, nats_server })
}

async fn postgres(
    wishes: &Wishes,
    home: &Home,
    screen: &Screen,
) -> anyhow::Result<(SecretString, Option<PrivatePostgres>)> {
    if let Some(url) = &wishes.settings.database.url {
        // Whether it answers and is new enough is seen when the schema is brought up to date.
        screen.say("  PostgreSQL: the one at DATABASE_URL");
        return Ok((url.clone(), None));
    }
    let step = screen.begin("PostgreSQL");
    let binaries = PostgresBinaries::find()?;
    let server = PrivatePostgres::start(&binaries, home.path(), PostgresOptions::default()).await?;
    step.end(&format!("version {} on 127.0.0.1:{}", binaries.major(), server.port()));
    Ok((server.owner_url(DATABASE), Some(server)))
}

async fn nats(
    wishes: &Wishes,
    home: &Home,
    secrets: &Secrets,
    screen: &Screen,
) -> anyhow::Result<(NatsSettings, Option<PrivateNats>)> {
    if wishes.uses_existing_nats {
        let settings = wishes.settings.nats.clone();
        let step = screen.begin("NATS");
        let connecting = timeout(NATS_PATIENCE, Bus::connect(&settings, "up")).await;
        let bus = connecting
            .map_err(|_| anyhow::anyhow!("no answer within {} s", NATS_PATIENCE.as_secs()))
            .and_then(|connected| Ok(connected?))
            .with_context(|| {
                format!(
                    "the NATS server at {} can't be used; start it, correct NATS_URL, or unset \
                     NATS_URL to get a private one",
                    settings.url
                )
            })?;
        bus.ensure_topology().await.with_context(|| {
            format!(
                "the NATS server at {} can't keep the streams. JetStream has to be on: start \
                 nats-server with -js, or with a jetstream block in its configuration",
                settings.url
            )
        })?;
        step.end(&format!("the one at {}", settings.url));
        return Ok((settings, None));
    }
    let step = screen.begin("nats-server");
    let binary = NatsBinary::find()?;
    let login = NatsLogin { user: NATS_USER.to_owned(), password: secrets.nats_password.clone() };
    let options = NatsOptions { login: Some(login), ..NatsOptions::default() };
    let server = PrivateNats::start(&binary, home.path(), options).await?;
    step.end(&format!("version {} on 127.0.0.1:{}", binary.version(), server.port()));
    let settings = NatsSettings {
        url: server.url(),
        user: Some(NATS_USER.to_owned()),
        password: Some(secrets.nats_password.clone()),
        ..wishes.settings.nats.clone()
    };
    Ok((settings, Some(server)))
}
