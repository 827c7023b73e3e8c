//! Everything that a handler may touch.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Publisher, Replies};
use bytes::Bytes;
use domain::{SessionId, SharedClock};
use runtime::Shutdown;
use runtime::settings::ApiSettings;
use store::StoreError;
use store::identity::Accounts;
use store::reading::{CallerTx, Reader};

use crate::audit::Auditor;
use crate::auth::Passwords;
use crate::extract::Caller;
use crate::identify::Doorkeeper;

/// Everything that a handler may touch. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// Settings of the API.
    pub settings: ApiSettings,
    /// How many days ahead a standard visit can be booked.
    pub standard_horizon_days: u16,
    /// How long a publish is repeated before its caller gets 503.
    pub publish_deadline: Duration,
    /// The time.
    pub clock: SharedClock,
    /// Sign-in and identity: what api writes itself.
    pub accounts: Accounts,
    /// What api reads.
    pub reader: Reader,
    /// Tokens and limits.
    pub doorkeeper: Arc<Doorkeeper>,
    /// Hashing.
    pub passwords: Passwords,
    /// NATS.
    pub bus: Bus,
    /// Records who saw or did what.
    pub auditor: Auditor,
    /// Commands go out here.
    pub publisher: Publisher,
    /// Outcomes come back here.
    pub replies: Replies,
    /// The API's description, as JSON.
    pub openapi: Bytes,
    /// For what outlives its request.
    pub shutdown: Shutdown,
}

impl App {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Refuses these sessions' access tokens: here at once, elsewhere within seconds.
    pub fn end_sessions(&self, ended: impl IntoIterator<Item = SessionId>) {
        let revocations = self.doorkeeper.authenticator.revocations();
        ended.into_iter().for_each(|session| revocations.revoke(session));
    }

    /// Begins to read in the caller's name.
    pub async fn read_as(&self, caller: &Caller) -> Result<CallerTx, StoreError> {
        self.reader.as_caller(caller.actor, caller.correlation_id).await
    }

    /// Begins to change, in the caller's name, what isn't a worker's to change: the state of dead
    /// letters, coverages, decisions about checks, emergencies.
    pub async fn change_as(&self, caller: &Caller) -> Result<CallerTx, StoreError> {
        self.reader.change_as(caller.actor, caller.correlation_id).await
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
