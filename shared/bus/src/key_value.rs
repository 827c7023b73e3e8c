//! Small shared facts that every process watches.

use std::time::Duration;

use async_nats::jetstream::kv;
use async_nats::jetstream::stream::StorageType;

use crate::Bus;

/// The buckets we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvBucket {
    /// Sessions whose access tokens no longer count. Entries outlive every access token.
    RevokedSessions,
    /// What operators have told the payers' circuit breakers, by payer.
    BreakerControls,
    /// How the payers' circuit breakers stand, by payer and worker. Entries of workers that are gone
    /// disappear.
    BreakerStates,
}

impl KvBucket {
    fn config(self, replicas: usize) -> kv::Config {
        match self {
            Self::RevokedSessions => kv::Config {
                bucket: "mc_revoked_sessions".to_owned(),
                description: "Sessions whose access tokens no longer count".to_owned(),
                max_age: Duration::from_hours(24),
                max_bytes: 64 << 20,
                num_replicas: replicas,
                ..kv::Config::default()
            },
            Self::BreakerControls => kv::Config {
                bucket: "mc_breaker_controls".to_owned(),
                description: "What operators have told the circuit breakers".to_owned(),
                max_bytes: 16 << 20,
                num_replicas: replicas,
                ..kv::Config::default()
            },
            Self::BreakerStates => kv::Config {
                bucket: "mc_breaker_states".to_owned(),
                description: "How the circuit breakers stand".to_owned(),
                max_age: Duration::from_mins(1),
                max_bytes: 16 << 20,
                num_replicas: replicas,
                storage: StorageType::Memory,
                ..kv::Config::default()
            },
        }
    }
}

/// The bucket can't be made or opened.
#[derive(Debug, thiserror::Error)]
#[error("NATS key-value bucket: {0}")]
pub struct KeyValueError(String);

impl Bus {
    /// Opens a bucket, making it first if need be.
    pub async fn key_value(&self, bucket: KvBucket) -> Result<kv::Store, KeyValueError> {
        self.jetstream
            .create_or_update_key_value(bucket.config(self.settings.replicas))
            .await
            .map_err(|error| KeyValueError(error.to_string()))
    }
}
