//! The streams, as `nats/topology.toml` and the settings say.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use contracts::subjects;
use runtime::settings::NatsSettings;
use serde::Deserialize;

use crate::Bus;

/// Repeated `Nats-Msg-Id`s are dropped this long (events and dead letters).
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topology {
    streams: Vec<StreamEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamEntry {
    name: String,
    description: String,
    subjects: Vec<String>,
}

/// Why the streams are not as they have to be.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// `nats/topology.toml` can't be read.
    #[error("nats/topology.toml: {0}")]
    Unreadable(String),
    /// The server refused.
    #[error(
        "stream {stream} could not be made or changed: {reason}{}",
        if reason.contains("insufficient") {
            "; free some disk space, or make nats.*_max_bytes smaller"
        } else {
            ""
        }
    )]
    Refused {
        /// Which stream.
        stream: String,
        /// What the server said.
        reason: String,
    },
    /// The server accepted, and did something else.
    #[error(
        "stream {stream} is not what was asked for ({difference}): the server is too old or limits its account"
    )]
    Different {
        /// Which stream.
        stream: String,
        /// The field that differs, with both values.
        difference: String,
    },
}

impl Bus {
    /// Makes the streams or brings them up to date, and compares what the server says they are:
    /// old servers drop what they don't know without a word.
    pub async fn ensure_topology(&self) -> Result<(), TopologyError> {
        for config in stream_configs(&self.settings)? {
            let stream = config.name.clone();
            let info =
                self.jetstream.create_or_update_stream(config.clone()).await.map_err(|error| {
                    TopologyError::Refused { stream: stream.clone(), reason: error.to_string() }
                })?;
            if let Some(difference) = difference(&config, &info.config) {
                return Err(TopologyError::Different { stream, difference });
            }
        }
        Ok(())
    }
}

fn stream_configs(settings: &NatsSettings) -> Result<Vec<Config>, TopologyError> {
    let topology: Topology = toml::from_str(include_str!("../../../nats/topology.toml"))
        .map_err(|error| TopologyError::Unreadable(error.to_string()))?;
    topology.streams.into_iter().map(|entry| stream_config(entry, settings)).collect()
}

fn stream_config(entry: StreamEntry, settings: &NatsSettings) -> Result<Config, TopologyError> {
    let max_bytes = match entry.name.as_str() {
        subjects::COMMANDS => settings.commands_max_bytes,
        subjects::EVENTS => settings.events_max_bytes,
        subjects::AUDIT => settings.audit_max_bytes,
        subjects::DEAD => settings.dead_max_bytes,
        other => return Err(TopologyError::Unreadable(format!("unknown stream {other}"))),
    };
    Ok(Config {
        name: entry.name,
        description: Some(entry.description),
        subjects: entry.subjects,
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: i64::try_from(max_bytes).unwrap_or(i64::MAX),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        max_age: Duration::ZERO,
        num_replicas: settings.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        allow_direct: true,
        allow_atomic_publish: true,
        ..Config::default()
    })
}

/// The first field in which the server's stream is not the one that was asked for.
fn difference(asked: &Config, got: &Config) -> Option<String> {
    macro_rules! compare {
        ($($field:ident),*) => {$(
            if asked.$field != got.$field {
                let name = stringify!($field);
                return Some(format!("{name}: asked {:?}, got {:?}", asked.$field, got.$field));
            }
        )*};
    }
    compare!(
        subjects,
        storage,
        retention,
        discard,
        max_bytes,
        max_messages,
        max_messages_per_subject,
        max_age,
        num_replicas,
        duplicate_window,
        deny_delete,
        allow_direct,
        allow_atomic_publish
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_refuses_rather_than_forgets() {
        let configs = stream_configs(&NatsSettings::default()).unwrap();
        assert_eq!(configs.len(), 4);
        for config in configs {
            assert_eq!(config.discard, DiscardPolicy::New);
            assert_eq!(config.max_age, Duration::ZERO);
            assert!(config.max_bytes > 0);
        }
    }

    #[test]
    fn names_the_field_that_a_server_changed() {
        let asked = stream_configs(&NatsSettings::default()).unwrap().remove(0);
        let got = Config { allow_atomic_publish: false, ..asked.clone() };
        assert_eq!(difference(&asked, &asked), None);
        assert!(difference(&asked, &got).unwrap().starts_with("allow_atomic_publish"));
    }
}
