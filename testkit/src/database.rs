//! A database of its own for every test, on the server that the suite shares.
//!
//! Migrating takes a while, cloning a migrated database doesn't: the first test makes a template,
//! the others wait for it and clone.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, ensure};
use runtime::settings::DatabaseSettings;
use secrecy::{ExposeSecret, SecretString};
use store::{ServiceLogin, ServiceRole, migrate, with_login};
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// Superuser's URL of the running server that tests share; `./dev test` sets it.
pub const POSTGRES_URL: &str = "MC_TEST_POSTGRES_URL";

/// Owns the test databases. No superuser, so that row-level security is tested as it is forced.
const OWNER: &str = "mc_test_owner";

/// The password of every role on the test server.
const PASSWORD: &str = "only for tests";

/// Whoever makes roles or templates on the shared server holds this.
const LOCK: i64 = 0x6d63_5f74_6573_7473;

/// A migrated, empty database. It is dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    admin: Config,
    url: SecretString,
}

impl TestDatabase {
    /// Clones the template, which the first caller makes.
    pub async fn create() -> anyhow::Result<Self> {
        let server = std::env::var(POSTGRES_URL).with_context(|| {
            format!("{POSTGRES_URL} is not set: run the tests through `./dev test`")
        })?;
        let admin = Config::from_str(&server).context("reading the server's URL")?;
        let client = connect(&admin).await?;
        let template = template(&client, &admin, &server).await?;
        let name = format!("mc_test_{}", Uuid::new_v4().simple());
        let clone = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}");
        client.batch_execute(&clone).await?;
        Ok(Self { url: url(&server, &name)?, admin: database(&admin, &name), name })
    }

    /// The owner's URL, for migrations. The owner is no superuser: row-level security, which is
    /// forced, shows it no rows.
    pub fn owner_url(&self) -> &SecretString {
        &self.url
    }

    /// The URL of a service's role.
    pub fn url_for(&self, role: ServiceRole) -> SecretString {
        with_login(&self.url, role, &PASSWORD.into()).expect("it is made from a valid URL")
    }

    /// Settings with the URLs of all roles, and the patience that a busy machine needs.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            url: Some(self.url.clone()),
            api_url: Some(self.url_for(ServiceRole::Api)),
            accounts_url: Some(self.url_for(ServiceRole::Accounts)),
            booking_url: Some(self.url_for(ServiceRole::Booking)),
            eligibility_url: Some(self.url_for(ServiceRole::Eligibility)),
            ops_url: Some(self.url_for(ServiceRole::Ops)),
            audit_url: Some(self.url_for(ServiceRole::Audit)),
            auditor_url: Some(self.url_for(ServiceRole::Auditor)),
            statement_timeout_ms: 60_000,
            connect_timeout_ms: 20_000,
            ..DatabaseSettings::default()
        }
    }

    /// A connection of the server's administrator, to set scenes and to look behind them: row-level
    /// security doesn't bind it.
    pub async fn admin(&self) -> anyhow::Result<Client> {
        connect(&self.admin).await
    }

    /// Ends the services' connections and refuses new ones, as if the server were away.
    pub async fn take_away(&self) -> anyhow::Result<()> {
        let away = format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", self.name);
        let server = connect(&database(&self.admin, "postgres")).await?;
        server.batch_execute(&away).await?;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = $1 AND usename LIKE 'mediconnect\\_%'";
        server.execute(end, &[&self.name]).await?;
        Ok(())
    }

    /// Undoes [`TestDatabase::take_away`].
    pub async fn bring_back(&self) -> anyhow::Result<()> {
        let back = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name);
        connect(&database(&self.admin, "postgres")).await?.batch_execute(&back).await?;
        Ok(())
    }

    /// A connection of a service's role, for raw SQL.
    pub async fn connect_as(&self, role: ServiceRole) -> anyhow::Result<Client> {
        connect(&Config::from_str(self.url_for(role).expose_secret())?).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let server = database(&self.admin, "postgres");
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because a test's runtime may be the one that is ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime
                .block_on(async { anyhow::Ok(connect(&server).await?.batch_execute(&drop).await?) })
        });
        if !matches!(dropping.join(), Ok(Ok(()))) {
            eprintln!("the test database {} could not be dropped", self.name);
        }
    }
}

/// The template's name, once it is there.
async fn template(client: &Client, admin: &Config, server: &str) -> anyhow::Result<String> {
    let template = format!("mc_template_{:016x}", migrations_hash()?);
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let made = make_template(client, admin, server, &template).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    made.context("making the template database")?;
    Ok(template)
}

async fn make_template(
    client: &Client,
    admin: &Config,
    server: &str,
    template: &str,
) -> anyhow::Result<()> {
    let exists = "SELECT FROM pg_database WHERE datname = $1";
    if client.query_opt(exists, &[&template]).await?.is_some() {
        return Ok(());
    }
    let owner = "SELECT FROM pg_roles WHERE rolname = $1";
    if client.query_opt(owner, &[&OWNER]).await?.is_none() {
        let create = format!("CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{PASSWORD}'");
        client.batch_execute(&create).await?;
    }
    // It gets its name when it is complete.
    let draft = format!("{template}_draft");
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {draft}")).await?;
    client.batch_execute(&format!("CREATE DATABASE {draft} OWNER {OWNER}")).await?;
    let logins = ServiceRole::ALL.map(|role| ServiceLogin { role, password: PASSWORD.into() });
    migrate(&url(server, &draft)?, &logins).await?;
    connect(&database(admin, &draft)).await?.batch_execute("ANALYZE").await?;
    client.batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {template}")).await?;
    Ok(())
}

/// On a server that outlives a suite, a changed migration must not meet an old template.
fn migrations_hash() -> anyhow::Result<u64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    ensure!(!files.is_empty(), "there are no migrations");
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// The owner's URL of one database of the server.
fn url(server: &str, database: &str) -> anyhow::Result<SecretString> {
    let mut url = url::Url::parse(server).context("reading the server's URL")?;
    url.set_path(database);
    ensure!(url.set_username(OWNER).is_ok(), "the server's URL has no host");
    ensure!(url.set_password(Some(PASSWORD)).is_ok(), "the server's URL has no host");
    Ok(String::from(url).into())
}

fn database(server: &Config, name: &str) -> Config {
    let mut config = server.clone();
    config.dbname(name);
    config
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("connecting to PostgreSQL")?;
    // Ends with the client; an error shows at its next statement.
    tokio::spawn(connection);
    Ok(client)
}
