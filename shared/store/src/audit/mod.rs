//! The audit log: tables `audit_log` and `audit_seals`.
//!
//! [`Sequencer`] adds to it, signed in as `mediconnect_audit`: rows, their seal and how far both
//! streams were read are one transaction. [`Auditor`] reads it all again, signed in as
//! `mediconnect_auditor`. What is hashed, and how, is in [`row`] and [`seal`]; administrators read
//! through [`crate::reading`].

mod auditor;
pub mod row;
pub mod seal;
mod sequencer;

pub use auditor::{Auditor, SealCheck, StoredRow};
pub use row::Row;
pub use seal::{Hash, Seal, Span};
pub use sequencer::{Batch, Head, Position, Positions, Sequencer};

use std::time::Duration;

use runtime::settings::DatabaseSettings;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::booking::{Failure, SchemaProblem};
use crate::schema::{VERSION_QUERY, compare};
use crate::tls;

/// What an answer may take on top of the statement's own limit, after which the server is taken
/// for dead.
const SILENCE: Duration = Duration::from_secs(1);

/// A connection of its own: what belongs to a session, such as a lock, ends with it.
async fn connect(
    url: &SecretString,
    settings: &DatabaseSettings,
    name: &str,
    statement_timeout_ms: u64,
) -> Result<Client, Failure> {
    let connect_timeout = Duration::from_millis(settings.connect_timeout_ms);
    let (mut config, tls) =
        tls::connection(url.expose_secret()).map_err(|error| Failure::Outage(error.to_string()))?;
    let inherited = config.get_options().unwrap_or_default();
    config
        .options(format!("{inherited} -c timezone=UTC -c statement_timeout={statement_timeout_ms}"))
        .application_name(name)
        .connect_timeout(connect_timeout);
    let connecting = tokio::time::timeout(connect_timeout, config.connect(tls));
    let (client, connection) = connecting
        .await
        .map_err(|_| Failure::Outage(format!("no connection in {connect_timeout:?}")))?
        .map_err(|error| Failure::Outage(error.to_string()))?;
    // Ends with the client; its error shows at the next statement.
    tokio::spawn(connection);
    Ok(client)
}

/// Fails unless the schema is the one that this program was built for.
async fn check_schema(client: &Client) -> Result<(), SchemaProblem> {
    let hidden = [SqlState::UNDEFINED_TABLE, SqlState::INSUFFICIENT_PRIVILEGE];
    let found = match client.query_one(VERSION_QUERY, &[]).await {
        Ok(row) => row.try_get(0).map_err(Failure::from)?,
        Err(error) if error.code().is_some_and(|code| hidden.contains(code)) => None,
        Err(error) => return Err(Failure::from(error).into()),
    };
    Ok(compare(found)?)
}
