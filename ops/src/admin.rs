//! `mediconnect admin create`: the first administrator, from the environment.

use std::process::ExitCode;

use ::api::first_administrator::FirstLogin;
use clap::Subcommand;
use domain::{CorrelationId, SystemClock};
use runtime::Settings;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use store::identity::{Accounts, FirstAdministrator};

use crate::exit::UsageError;

/// What can be done with administrators here. Everything else is done through the API, by an
/// administrator.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Create the first administrator from ADMIN_EMAIL and ADMIN_PASSWORD.
    ///
    /// Refuses when there is an administrator already: further ones are created by an
    /// administrator (POST /v1/admin/users).
    Create,
}

/// Runs the command.
pub async fn run(command: AdminCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    match command {
        AdminCommand::Create => create(settings).await,
    }
}

async fn create(settings: &Settings) -> anyhow::Result<ExitCode> {
    let (email, password) = settings.admin.credentials().ok_or_else(|| {
        UsageError("set ADMIN_EMAIL and ADMIN_PASSWORD; there is no default".to_owned())
    })?;
    let url = settings.database.require_accounts_url()?;
    let login = FirstLogin::new(email, password).map_err(|error| UsageError(error.to_string()))?;
    match create_first(url, &settings.database, &login).await? {
        FirstAdministrator::Created => {
            println!("the first administrator was created");
            Ok(ExitCode::SUCCESS)
        }
        FirstAdministrator::AlreadyThere => {
            eprintln!(
                "mediconnect: there is an administrator already; sign in as one and create \
                 further ones with POST /v1/admin/users"
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Creates an administrator if there is none at all.
pub async fn create_first(
    accounts_url: &SecretString,
    settings: &DatabaseSettings,
    login: &FirstLogin,
) -> anyhow::Result<FirstAdministrator> {
    let accounts = Accounts::connect(accounts_url, settings)?.within(CorrelationId::generate());
    accounts.check().await?;
    let outcome = login.create(&accounts, &SystemClock).await;
    accounts.close().await;
    Ok(outcome?)
}
