//! Small shared facts that every process watches.

use std::time::Duration;

use async_nats::jetstream::kv;
use async_nats::jetstream::stream::StorageType;

use crate::Bus;

/// The buckets we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvBucket {
    /// The last seal of the audit log, outside of the database that holds it. Kept for ever.
    AuditAnchor,
    /// Sessions whose access tokens no longer count. Entries outlive every access token.
    RevokedSessions,
    /// What operators have told the payers' circuit breakers, by payer.
    BreakerControls,
    /// How the payers' circuit breakers stand, by payer and worker. Entries of workers that are gone
    /// disappear.
    BreakerStates,
}

impl KvBucket {
    /// Every bucket.
    pub const ALL: [Self; 4] =
        [Self::AuditAnchor, Self::RevokedSessions, Self::BreakerControls, Self::BreakerStates];

    fn config(self, replicas: usize) -> kv::Config {
        match self {
            Self::AuditAnchor => kv::Config {
                bucket: "mc_audit_anchor".to_owned(),
                description: "The last seal of the audit log".to_owned(),
                history: 64,
                max_bytes: 1 << 20,
                num_replicas: replicas,
                ..kv::Config::default()
            },
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
    /// Opens a bucket, making it or bringing it up to date first if need be. Where there is no
    /// need, no right to do so is needed either.
    pub async fn key_value(&self, bucket: KvBucket) -> Result<kv::Store, KeyValueError> {
        let config = bucket.config(self.settings.replicas);
        if let Ok(store) = self.jetstream.get_key_value(&config.bucket).await
            && is_as_asked(&store, &config)
        {
            return Ok(store);
        }
        self.jetstream
            .create_or_update_key_value(config)
            .await
            .map_err(|error| KeyValueError(error.to_string()))
    }

    /// Makes every bucket, for services whose own users may not.
    pub async fn ensure_buckets(&self) -> Result<(), KeyValueError> {
        for bucket in KvBucket::ALL {
            self.key_value(bucket).await?;
        }
        Ok(())
    }
}

fn is_as_asked(store: &kv::Store, asked: &kv::Config) -> bool {
    let got = &store.stream.cached_info().config;
    got.max_age == asked.max_age
        && got.max_bytes == asked.max_bytes
        && got.num_replicas == asked.num_replicas
}
