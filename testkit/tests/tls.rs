//! TLS between the booking worker and a real PostgreSQL: each `sslmode`, and what is refused.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::settings::DatabaseSettings;
use secrecy::{ExposeSecret, SecretString};
use servers::{PostgresBinaries, PostgresOptions, PrivatePostgres};
use store::booking::{Pool, SchemaProblem};
use store::{ServiceLogin, ServiceRole, migrate, with_login};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// How long a server may take to read its settings again.
const PATIENCE: Duration = Duration::from_secs(20);

const PASSWORD: &str = "only for tests";

/// A PostgreSQL that has, or hasn't, a certificate.
struct Server {
    _running: PrivatePostgres,
    admin: Client,
    booking_url: SecretString,
    home: TempDir,
}

/// An authority of the test's own.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> anyhow::Result<Authority> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn pem(tag: &str, der: &[u8]) -> String {
    let unix = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(tag, der), unix)
}

impl Server {
    async fn start() -> anyhow::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        // Open to the account that PostgreSQL runs as when the suite runs as root.
        let permissions = std::fs::Permissions::from_mode(0o755);
        let home =
            tempfile::Builder::new().prefix("mediconnect-").permissions(permissions).tempdir()?;
        let options = PostgresOptions { durable: false, ..PostgresOptions::default() };
        let running =
            PrivatePostgres::start(&PostgresBinaries::find()?, home.path(), options).await?;
        let owner = running.owner_url("mediconnect");
        let logins = ServiceRole::ALL.map(|role| ServiceLogin { role, password: PASSWORD.into() });
        migrate(&owner, &logins).await?;
        let (admin, connection) = tokio_postgres::connect(owner.expose_secret(), NoTls).await?;
        tokio::spawn(connection);
        let booking_url = with_login(&owner, ServiceRole::Booking, &PASSWORD.into())?;
        Ok(Self { _running: running, admin, booking_url, home })
    }

    /// Switches TLS on, with a certificate for this host.
    async fn certify(&self, authority: &Authority, host: &str) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([host.to_owned()])?;
        let certificate = params.signed_by(&key, authority)?;
        // Written by the server itself: it refuses a key that isn't its own account's.
        for (file, text) in [
            ("server.crt", pem("CERTIFICATE", certificate.der())),
            ("server.key", pem("PRIVATE KEY", &key.serialize_der())),
        ] {
            let write = format!(
                "COPY (SELECT string_to_table('{text}', chr(10)))
                 TO PROGRAM 'umask 077; cat > {file}'"
            );
            self.admin.batch_execute(&write).await?;
        }
        self.admin.batch_execute("ALTER SYSTEM SET ssl = on").await?;
        self.admin.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// Writes an authority's certificate where a URL can name it.
    fn trust(&self, authority: &Authority) -> anyhow::Result<String> {
        let file = self.home.path().join("authority.pem");
        std::fs::write(&file, pem("CERTIFICATE", authority.der()))?;
        Ok(file.to_str().context("a readable path")?.to_owned())
    }

    /// Signs in as the booking worker does; says whether it was encrypted.
    async fn sign_in(&self, parameters: &str) -> anyhow::Result<bool> {
        let url = format!("{}?{parameters}", self.booking_url.expose_secret()).into();
        let settings = DatabaseSettings {
            booking_connections: 1,
            connect_timeout_ms: 20_000,
            ..DatabaseSettings::default()
        };
        let pool = Pool::connect(&url, &settings)?;
        match pool.check_schema().await {
            Ok(()) => {}
            Err(SchemaProblem::Unreachable(failure)) => anyhow::bail!("{failure}"),
            Err(SchemaProblem::Mismatch(mismatch)) => return Err(mismatch.into()),
        }
        let is_encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'mediconnect-booking'";
        Ok(self.admin.query_one(is_encrypted, &[]).await?.try_get(0)?)
    }

    /// Looks until the server uses what it was told: a reload takes a moment.
    async fn until_refused(&self, parameters: &str) -> anyhow::Result<String> {
        self.until(parameters, |signed_in| signed_in.err().map(|error| error.to_string())).await
    }

    async fn until_encrypted(&self, parameters: &str) -> anyhow::Result<()> {
        self.until(parameters, |signed_in| signed_in.ok().filter(|encrypted| *encrypted)).await?;
        Ok(())
    }

    async fn until<T>(
        &self,
        parameters: &str,
        wanted: impl Fn(anyhow::Result<bool>) -> Option<T>,
    ) -> anyhow::Result<T> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let signed_in = self.sign_in(parameters).await;
            let said = format!("{parameters}: {signed_in:?}");
            if let Some(found) = wanted(signed_in) {
                return Ok(found);
            }
            ensure!(Instant::now() < give_up, "waited in vain, last {said}");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_tls_is_asked_for() -> anyhow::Result<()> {
    let server = Server::start().await?;
    for plain in ["sslmode=disable", "sslmode=prefer", ""] {
        ensure!(!server.sign_in(plain).await?, "{plain} can't have been encrypted");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = server.sign_in(&format!("sslmode={mode}")).await.expect_err(mode);
        let refused = refused.to_string();
        ensure!(refused.contains("does not support TLS"), "{refused}");
        ensure!(refused.contains("sslmode"), "it says what to do: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn each_mode_asks_what_its_name_says() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (ours, others) = (authority()?, authority()?);
    let ca = server.trust(&ours)?;
    server.certify(&ours, "somewhere.example").await?;
    server.until_encrypted("sslmode=require").await?;
    ensure!(server.sign_in("sslmode=prefer").await?, "it had the choice");
    ensure!(!server.sign_in("sslmode=disable").await?, "it was told not to");

    ensure!(server.sign_in(&format!("sslmode=verify-ca&sslrootcert={ca}")).await?);
    let refused = server.sign_in(&format!("sslmode=verify-full&sslrootcert={ca}")).await;
    let refused = refused.expect_err("the certificate names another host").to_string();
    ensure!(refused.contains("not valid for name"), "{refused}");
    let refused = server.sign_in("sslmode=verify-ca").await.expect_err("nobody knows it");
    ensure!(refused.to_string().contains("UnknownIssuer"), "{refused}");

    server.certify(&ours, "127.0.0.1").await?;
    server.until_encrypted(&format!("sslmode=verify-full&sslrootcert={ca}")).await?;
    server.certify(&others, "127.0.0.1").await?;
    let refused = server.until_refused(&format!("sslmode=verify-full&sslrootcert={ca}")).await?;
    ensure!(refused.contains("invalid peer certificate"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn what_a_url_asks_for_in_vain_is_said_at_once() -> anyhow::Result<()> {
    for (parameters, said) in [
        ("sslmode=verify-ca&sslrootcert=/nowhere/ca.pem", "sslrootcert: No such file"),
        ("sslmode=verify-ca&sslrootcert=/dev/null", "it holds no certificate"),
        ("sslcert=/a&sslkey=/b", "sslcert: workers sign in with a password"),
        ("sslmode=perhaps", "malformed"),
    ] {
        let url = format!("postgres://mediconnect_booking:x@127.0.0.1:1/x?{parameters}").into();
        let Err(error) = Pool::connect(&url, &DatabaseSettings::default()) else {
            anyhow::bail!("{parameters} was taken");
        };
        ensure!(error.to_string().contains(said), "{error}");
    }
    Ok(())
}
