//! `mediconnect migrate`: roles, passwords and schema, in the database at `DATABASE_URL`; and, when
//! asked to, the streams.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context as _;
use bus::Bus;
use clap::Args;
use runtime::Settings;
use runtime::settings::{DatabaseSettings, NatsSettings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{MigrationReport, ServiceLogin, ServiceRole};

use crate::exit::UsageError;

/// Bring the database at DATABASE_URL to the schema of this version.
///
/// Creates the services' login roles, gives each whose URL is configured (MC_DATABASE__API_URL and
/// so on) the password in it, and runs the migrations that are missing. Safe to repeat, and at the
/// same time from several machines.
#[derive(Args, Debug)]
pub struct MigrateArguments {
    /// Make the streams and buckets at NATS_URL too, or bring them up to date.
    ///
    /// A service does that by itself, unless its NATS user may not change streams.
    #[arg(long)]
    streams: bool,

    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(arguments: MigrateArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let owner_url = settings.database.require_url()?;
    let logins = configured_logins(&settings.database)?;
    let report = store::migrate(owner_url, &logins).await?;
    if arguments.streams {
        make_streams(&settings.nats).await?;
    }
    if arguments.json {
        println!("{}", as_json(&report, arguments.streams));
    } else {
        println!("{}", as_sentence(&report));
        if arguments.streams {
            println!("the streams are as this version needs them");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn make_streams(settings: &NatsSettings) -> anyhow::Result<()> {
    let bus = Bus::connect(settings, "migrate").await?;
    bus.ensure_topology().await.context("preparing the streams")?;
    bus.ensure_buckets().await.context("preparing the buckets")
}

/// The services' passwords as their own URLs have them, so that there is one place for each.
fn configured_logins(settings: &DatabaseSettings) -> Result<Vec<ServiceLogin>, UsageError> {
    let urls = [
        (ServiceRole::Api, &settings.api_url),
        (ServiceRole::Accounts, &settings.accounts_url),
        (ServiceRole::Booking, &settings.booking_url),
        (ServiceRole::Eligibility, &settings.eligibility_url),
        (ServiceRole::Ops, &settings.ops_url),
        (ServiceRole::Audit, &settings.audit_url),
        (ServiceRole::Auditor, &settings.auditor_url),
    ];
    let mut logins = Vec::new();
    for (role, url) in urls {
        if let Some(url) = url {
            logins.extend(login_in(role, url)?);
        }
    }
    Ok(logins)
}

fn login_in(role: ServiceRole, url: &SecretString) -> Result<Option<ServiceLogin>, UsageError> {
    let config = tokio_postgres::Config::from_str(url.expose_secret())
        .map_err(|_| UsageError(format!("the database URL of {role} can't be read as one")))?;
    if config.get_user() != Some(role.as_str()) {
        return Err(UsageError(format!(
            "the database URL of {role} must sign in as {role}: each service has its own role"
        )));
    }
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Ok(password.map(|password| ServiceLogin { role, password: password.into() }))
}

fn as_json(report: &MigrationReport, streams: bool) -> serde_json::Value {
    json!({
        "streams": streams,
        "from_version": report.from_version,
        "to_version": report.to_version,
        "applied": report.applied,
    })
}

fn as_sentence(report: &MigrationReport) -> String {
    if report.applied.is_empty() {
        format!("the schema is up to date: version {}", report.to_version)
    } else {
        let applied = report.applied.join("\n  ");
        format!("the schema has version {} now; applied:\n  {applied}", report.to_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(api_url: &str) -> DatabaseSettings {
        DatabaseSettings { api_url: Some(api_url.into()), ..DatabaseSettings::default() }
    }

    #[test]
    fn password_is_taken_from_the_services_url() {
        let settings = settings("postgres://mediconnect_api:p%40ss@db/clinic");
        let logins = configured_logins(&settings).unwrap();
        assert_eq!(logins.len(), 1);
        assert_eq!(logins[0].role, ServiceRole::Api);
        assert_eq!(logins[0].password.expose_secret(), "p@ss");
    }

    #[test]
    fn url_of_another_role_is_refused_without_its_password() {
        let refusal = configured_logins(&settings("postgres://owner:secret@db/clinic"));
        let refusal = refusal.unwrap_err().to_string();
        assert!(refusal.contains("must sign in as mediconnect_api"), "{refusal}");
        assert!(!refusal.contains("secret"), "{refusal}");
    }

    #[test]
    fn report_reads_well_both_ways() {
        let report = MigrationReport {
            from_version: Some(1),
            to_version: 2,
            applied: vec!["0002 scheduling".into()],
        };
        let sentence = as_sentence(&report);
        assert_eq!(sentence, "the schema has version 2 now; applied:\n  0002 scheduling");
        assert_eq!(as_json(&report, false)["applied"][0], "0002 scheduling");
    }
}
