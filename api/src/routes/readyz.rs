//! `GET /readyz`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Intended;

/// Whether the process can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// All of it.
    Ready,
    /// Commands are accepted; other things don't work.
    Degraded,
    /// Nothing can be accepted.
    Unavailable,
}

/// What works, and what is missing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// The worst of it.
    status: Status,
    /// What is missing, and what to do about it.
    missing: Vec<Missing>,
}

/// Something that is missing.
#[derive(Debug, Serialize, ToSchema)]
struct Missing {
    /// `nats`, `postgresql`, `schema` or `revocations`.
    what: &'static str,
    /// What that means, and what to do about it.
    detail: String,
}

/// Whether requests should be sent here, and what is missing.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    security(()),
    responses(
        (status = OK, body = Readiness, description = "Ready, or degraded"),
        (status = SERVICE_UNAVAILABLE, body = Readiness, description = "Nothing is accepted"),
    )
)]
pub async fn readyz(State(app): State<App>) -> (StatusCode, Extension<Intended>, Json<Readiness>) {
    let (nats, reader, accounts) =
        tokio::join!(app.bus.check(), app.reader.check(), app.accounts.check());
    let mut missing = Vec::new();
    let status = match nats {
        Ok(()) => Status::Degraded,
        Err(error) => {
            let detail = format!("no command can be accepted: {error}");
            missing.push(Missing { what: "nats", detail });
            Status::Unavailable
        }
    };
    missing.extend(reader.and(accounts).err().map(|error| missing_database(&error)));
    if !app.doorkeeper.authenticator.revocations().is_watching() {
        let detail = "sessions that end elsewhere aren't heard of until NATS answers: their \
                      access tokens count until they expire"
            .to_owned();
        missing.push(Missing { what: "revocations", detail });
    }
    let status = if missing.is_empty() { Status::Ready } else { status };
    let code = if status == Status::Unavailable {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    (code, Extension(Intended), Json(Readiness { status, missing }))
}

fn missing_database(error: &StoreError) -> Missing {
    match error {
        StoreError::Schema(_) => Missing { what: "schema", detail: error.to_string() },
        _ => Missing {
            what: "postgresql",
            detail: format!(
                "commands are accepted and wait, but nobody can sign in, search or read; start \
                 PostgreSQL or correct the database's URLs ({error})"
            ),
        },
    }
}
