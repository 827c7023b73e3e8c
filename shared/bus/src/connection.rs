//! One connection to NATS, shared by everything in a process.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;
use async_nats::{ConnectOptions, Event};
use resilience::RetryDelays;
use runtime::settings::NatsSettings;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::metrics;

/// Atomic batches and strict consumer creation need 2.14; older servers ignore fields that they
/// don't know without a word.
const OLDEST_SERVER: (i64, i64, i64) = (2, 14, 0);

/// How long a service waits for its server at start before it gives up with a sentence.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// How long JetStream's API and acknowledgements may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long what was handed to the client may take to leave. Without a connection it would take
/// until there is one again, and a service that stops would wait for it.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// NATS as this process sees it. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) settings: Arc<NatsSettings>,
    /// Counts connections, so that a pull which the old one lost is issued again at once.
    pub(crate) connections: watch::Receiver<u64>,
}

/// Why there is no usable server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers, or they refuse us.
    #[error(
        "no NATS server can be used at {url}: {reason}. Start one (`./dev up` brings its own) or set NATS_URL"
    )]
    Unreachable {
        /// Where we tried.
        url: String,
        /// What the client said.
        reason: String,
    },
    /// The server would silently drop what we rely on.
    #[error(
        "the NATS server at {url} is version {version}, and 2.14.0 is the oldest that works: upgrade it, or set NATS_URL"
    )]
    TooOld {
        /// Which server.
        url: String,
        /// What it says it is.
        version: String,
    },
}

/// Why the bus can't be used at the moment.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The connection is down; the client keeps trying.
    #[error("not connected to NATS at {url}; trying again by itself")]
    Disconnected {
        /// Where.
        url: String,
    },
    /// The server answers, its JetStream doesn't.
    #[error("JetStream does not answer: {0}")]
    JetStream(String),
}

impl Bus {
    /// Connects as `name`, trying for 30 s, and refuses a server that is too old.
    pub async fn connect(settings: &NatsSettings, name: &str) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + CONNECT_PATIENCE;
        let mut delays = RetryDelays::new(Duration::from_millis(50), Duration::from_secs(2));
        let unreachable =
            |reason: String| ConnectError::Unreachable { url: settings.url.clone(), reason };
        let urls: Vec<_> = settings.url.split(',').map(|url| url.trim().to_owned()).collect();
        loop {
            let (options, connections) = options(settings, name);
            let attempt = options.connect(urls.as_slice());
            let reason = match timeout_at(deadline, attempt).await {
                Ok(Ok(client)) => return Self::from_client(client, settings, connections),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            let delay = delays.next_delay();
            if Instant::now() + delay >= deadline {
                return Err(unreachable(reason));
            }
            tracing::info!(nats.url = settings.url, reason, "waiting for NATS");
            sleep(delay).await;
        }
    }

    fn from_client(
        client: async_nats::Client,
        settings: &NatsSettings,
        connections: watch::Receiver<u64>,
    ) -> Result<Self, ConnectError> {
        let (major, minor, patch) = OLDEST_SERVER;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(ConnectError::TooOld {
                url: settings.url.clone(),
                version: client.server_info().version,
            });
        }
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(REQUEST_TIMEOUT);
        Ok(Self { client, jetstream, settings: Arc::new(settings.clone()), connections })
    }

    /// Whether messages can be accepted right now.
    pub async fn check(&self) -> Result<(), NotReady> {
        if !self.is_connected() {
            return Err(NotReady::Disconnected { url: self.settings.url.clone() });
        }
        let commands = self.jetstream.get_stream(contracts::subjects::COMMANDS);
        match timeout(Duration::from_secs(2), commands).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(NotReady::JetStream(error.to_string())),
            Err(_) => Err(NotReady::JetStream("no answer in 2 s".to_owned())),
        }
    }

    /// Waits until everything handed to the client has left this process, for 2 s at most.
    pub async fn flush(&self) {
        match timeout(FLUSH_PATIENCE, self.client.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not flush to NATS"),
            Err(_) => tracing::warn!("could not flush to NATS in {FLUSH_PATIENCE:?}"),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

fn options(settings: &NatsSettings, name: &str) -> (ConnectOptions, watch::Receiver<u64>) {
    let (count, connections) = watch::channel(0);
    let options = ConnectOptions::new()
        .name(format!("mediconnect-{name}"))
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(Duration::from_secs(10))
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let attempts = attempts.try_into().unwrap_or(u32::MAX);
            RetryDelays::new(Duration::from_millis(20), Duration::from_secs(1))
                .delay_after(attempts)
        })
        .event_callback(move |event| {
            let count = count.clone();
            async move { on_event(&event, &count) }
        });
    let options = match settings.credentials() {
        // An inbox of the user's own: who may listen to `_INBOX.>` hears everybody's answers.
        Some((user, password)) => options
            .custom_inbox_prefix(format!("_INBOX.{user}"))
            .user_and_password(user.to_owned(), password.expose_secret().to_owned()),
        None => options,
    };
    (options, connections)
}

fn on_event(event: &Event, connections: &watch::Sender<u64>) {
    match event {
        Event::Connected => {
            connections.send_modify(|count| *count += 1);
            metrics::get().connections.inc();
            tracing::info!("connected to NATS");
        }
        Event::SlowConsumer(_) => {
            metrics::get().slow_consumers.inc();
            tracing::warn!("NATS delivers faster than this process reads; messages were dropped");
        }
        other => tracing::warn!(event = %other, "NATS connection"),
    }
}
