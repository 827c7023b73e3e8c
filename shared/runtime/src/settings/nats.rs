//! `nats.*`: NATS JetStream.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::secret;
use super::violation::{Violation, both_or_neither, within};

const GIB: u64 = 1 << 30;

/// Settings of NATS JetStream.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsSettings {
    /// `NATS_URL`: one server, or several separated by commas. Default:
    /// `nats://127.0.0.1:4222`. Credentials don't belong here, so that it may be logged.
    pub url: String,
    /// The user to sign in as. Default: none.
    pub user: Option<String>,
    /// Its password. Default: none.
    #[serde(serialize_with = "secret::hide")]
    pub password: Option<SecretString>,
    /// Copies of each stream: 1, 3 or 5. Default: 1.
    pub replicas: usize,
    // All together must fit into the three quarters of the free disk that nats-server gives to its
    // streams: it reserves them when they are made.
    /// Size of the stream of commands, at most. Default: 2 GiB.
    pub commands_max_bytes: u64,
    /// Size of the stream of events, at most. Default: 2 GiB.
    pub events_max_bytes: u64,
    /// Size of the stream of audit entries, at most. Default: 2 GiB.
    pub audit_max_bytes: u64,
    /// Size of the stream of dead letters, at most. Default: 0.5 GiB.
    pub dead_max_bytes: u64,
    /// Time in which a publish of unknown outcome is repeated before the caller gets a 503.
    /// Default: 5,000 ms.
    pub publish_deadline_ms: u64,
    /// Time after which an unacknowledged message is delivered again. Default: 10,000 ms.
    pub ack_wait_ms: u64,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".into(),
            user: None,
            password: None,
            replicas: 1,
            commands_max_bytes: 2 * GIB,
            events_max_bytes: 2 * GIB,
            audit_max_bytes: 2 * GIB,
            dead_max_bytes: GIB / 2,
            publish_deadline_ms: 5_000,
            ack_wait_ms: 10_000,
        }
    }
}

impl NatsSettings {
    /// User and password, when they are set.
    pub fn credentials(&self) -> Option<(&str, &SecretString)> {
        self.user.as_deref().zip(self.password.as_ref())
    }

    pub(super) fn check(&self) -> Result<(), Violation> {
        if self.url.contains('@') {
            return Err(Violation::value(
                "nats.url",
                "must not contain credentials: put them into MC_NATS__USER and MC_NATS__PASSWORD",
            ));
        }
        both_or_neither(
            ("nats.user", self.user.is_some()),
            ("nats.password", self.password.is_some()),
        )?;
        if ![1, 3, 5].contains(&self.replicas) {
            return Err(Violation::value("nats.replicas", "must be 1, 3 or 5"));
        }
        within(
            1 << 20..=1 << 50,
            &[
                ("nats.commands_max_bytes", self.commands_max_bytes),
                ("nats.events_max_bytes", self.events_max_bytes),
                ("nats.audit_max_bytes", self.audit_max_bytes),
                ("nats.dead_max_bytes", self.dead_max_bytes),
            ],
        )?;
        within(
            100..=600_000,
            &[
                ("nats.publish_deadline_ms", self.publish_deadline_ms),
                ("nats.ack_wait_ms", self.ack_wait_ms),
            ],
        )
    }
}
