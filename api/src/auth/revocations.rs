//! Sessions that were ended while their access tokens are still valid. A NATS key-value bucket
//! tells every process of api within a moment; while its watch is down, a token may outlive its
//! session until it expires, and `/readyz` says so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bus::{Bus, KvBucket};
use bytes::Bytes;
use domain::{SessionId, SharedClock};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use runtime::Shutdown;
use tokio::sync::mpsc;

/// Everything in the bucket.
const ALL_KEYS: &str = ">";

/// Pause before NATS is asked again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Revocations that may wait for NATS to come back.
const MAX_UNANNOUNCED: usize = 10_000;

/// What is still refused is looked through once it has grown by so many.
const SWEEP_EVERY: usize = 1_024;

/// Which sessions are over. Clones share the knowledge.
#[derive(Clone)]
pub struct Revocations {
    known: Arc<Known>,
    announcements: mpsc::Sender<SessionId>,
}

struct Known {
    /// Until when each has to be remembered: afterwards its tokens have expired.
    until: RwLock<HashMap<SessionId, Timestamp>>,
    is_watching: AtomicBool,
    clock: SharedClock,
    token_lifetime: SignedDuration,
}

impl Revocations {
    /// Starts to watch, and to announce what is revoked here.
    pub fn start(
        bus: &Bus,
        clock: SharedClock,
        token_lifetime: SignedDuration,
        shutdown: &Shutdown,
    ) -> Self {
        let (revocations, announced) = Self::new(clock, token_lifetime);
        let known = Arc::clone(&revocations.known);
        shutdown.spawn_in_background("revocations watch", watch(bus.clone(), known));
        shutdown.spawn_in_background("revocations", announce(bus.clone(), announced));
        revocations
    }

    fn new(
        clock: SharedClock,
        token_lifetime: SignedDuration,
    ) -> (Self, mpsc::Receiver<SessionId>) {
        let (announcements, announced) = mpsc::channel(MAX_UNANNOUNCED);
        let known = Known {
            until: RwLock::default(),
            is_watching: AtomicBool::new(false),
            clock,
            token_lifetime,
        };
        (Self { known: Arc::new(known), announcements }, announced)
    }

    /// Whether tokens of that session no longer count.
    pub fn is_revoked(&self, session: SessionId) -> bool {
        let until = self.known.until.read().unwrap_or_else(PoisonError::into_inner);
        until.contains_key(&session)
    }

    /// Refuses the session's tokens: here at once, elsewhere as soon as NATS has told them.
    pub fn revoke(&self, session: SessionId) {
        self.known.add(session);
        if self.announcements.try_send(session).is_err() {
            tracing::error!(session.id = %session, "cannot announce a revoked session: too many wait");
        }
    }

    /// Whether revocations elsewhere are heard of.
    pub fn is_watching(&self) -> bool {
        self.known.is_watching.load(Ordering::Relaxed)
    }
}

impl Known {
    fn add(&self, session: SessionId) {
        let now = self.clock.now();
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        if until.len() % SWEEP_EVERY == SWEEP_EVERY - 1 {
            until.retain(|_, until| *until > now);
        }
        // Twice: clocks differ, and a token may have been issued in the very same moment.
        until.insert(session, now + self.token_lifetime * 2);
    }
}

async fn watch(bus: Bus, known: Arc<Known>) {
    loop {
        if let Err(reason) = watch_once(&bus, &known).await {
            tracing::warn!(reason, "revoked sessions aren't heard of; trying again");
        }
        known.is_watching.store(false, Ordering::Relaxed);
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn watch_once(bus: &Bus, known: &Known) -> Result<(), String> {
    let bucket = bus.key_value(KvBucket::RevokedSessions).await.map_err(|e| e.to_string())?;
    let mut entries = bucket.watch_with_history(ALL_KEYS).await.map_err(|e| e.to_string())?;
    known.is_watching.store(true, Ordering::Relaxed);
    while let Some(entry) = entries.next().await {
        if let Ok(session) = entry.map_err(|e| e.to_string())?.key.parse() {
            known.add(session);
        } else {
            tracing::warn!("the bucket of revoked sessions holds a key of another form");
        }
    }
    Err("the watch ended".to_owned())
}

async fn announce(bus: Bus, mut announced: mpsc::Receiver<SessionId>) {
    while let Some(session) = announced.recv().await {
        while let Err(reason) = announce_once(&bus, session).await {
            tracing::warn!(reason, session.id = %session, "cannot announce a revoked session yet");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

async fn announce_once(bus: &Bus, session: SessionId) -> Result<(), String> {
    let bucket = bus.key_value(KvBucket::RevokedSessions).await.map_err(|e| e.to_string())?;
    bucket.put(session.to_string(), Bytes::new()).await.map(drop).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use domain::ManualClock;

    use super::*;

    #[test]
    fn refuses_at_once_and_forgets_when_the_tokens_have_expired() {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let lifetime = SignedDuration::from_mins(15);
        let (revocations, mut announced) = Revocations::new(clock.clone(), lifetime);
        let session = SessionId::generate();
        assert!(!revocations.is_revoked(session));
        revocations.revoke(session);
        assert!(revocations.is_revoked(session));
        assert_eq!(announced.try_recv(), Ok(session));

        clock.advance(lifetime * 2);
        for _ in 0..SWEEP_EVERY {
            revocations.known.add(SessionId::generate());
        }
        assert!(!revocations.is_revoked(session));
    }
}
