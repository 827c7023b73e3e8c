//! Small shared facts that every process watches.

use std::time::Duration;

use async_nats::jetstream::kv;

use crate::Bus;

/// The buckets we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvBucket {
    /// The last seal of the audit log, outside of the database that holds it. Kept for ever.
    AuditAnchor,
    /// Sessions whose access tokens no longer count. Entries outlive every access token.
    RevokedSessions,
}

impl KvBucket {
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
