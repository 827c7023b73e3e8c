//! HTTP as a careful client speaks it: it waits when it is told to, repeats what is safe to
//! repeat, and knows when it doesn't know.

mod answer;
mod ask;
mod encounters;
mod retry_after;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use resilience::RetryDelays;
use tokio::time::Instant;

pub use answer::{Answer, Problem};
pub use ask::{Ask, Purpose};
pub use encounters::{Encounters, EncountersSoFar};

/// How long one exchange may take: the longest wait we ask for, and then some.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(25);

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before a repeat, when the server names none: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The pause after a 429 that doesn't say how long to wait.
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);

/// One connection to the server, kept alive: requests go over it one after the other.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
    patience: Duration,
    encounters: Arc<Encounters>,
}

/// Nothing that settles the question was heard in the time that there was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {} s; the last thing heard: {last}", patience.as_secs())]
pub struct NoAnswer {
    patience: Duration,
    last: String,
}

/// How one exchange ended.
enum Exchange {
    Answered(Answer),
    /// Not now: the server says so itself. Nothing was done.
    Throttled(Answer),
    /// Nobody was reached: nothing was done.
    Unreachable(String),
    /// It may or may not have been done.
    Unknown {
        heard: String,
        retry_after: Option<Duration>,
    },
}

impl Http {
    /// A client of the server at `base` that asks for up to `patience` until it has an answer.
    pub fn new(
        base: &Url,
        patience: Duration,
        encounters: Arc<Encounters>,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(EXCHANGE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mediconnect-replay/", env!("CARGO_PKG_VERSION")))
            // A proxy would hide what is measured and who is asked.
            .no_proxy()
            .build()
            .context("cannot prepare HTTP")?;
        Ok(Self { client, base: base.clone(), patience, encounters })
    }

    /// Asks until there is an answer that isn't "later" or "I don't know": whatever is asked must
    /// be safe to repeat.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + self.patience;
        let mut delays = RetryDelays::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let (pause, last) = match self.exchange(ask).await {
                Exchange::Answered(answer) => return Ok(answer),
                Exchange::Throttled(answer) => {
                    self.encounters.throttled();
                    (answer.retry_after().unwrap_or(THROTTLED_PAUSE), "429".to_owned())
                }
                Exchange::Unreachable(why) => {
                    self.encounters.unreachable();
                    (delays.next_delay(), why)
                }
                Exchange::Unknown { heard, retry_after } => {
                    if ask.purpose() == Purpose::Book {
                        self.encounters.unknown_outcome();
                    }
                    (retry_after.unwrap_or_else(|| delays.next_delay()), heard)
                }
            };
            if Instant::now() + pause > deadline {
                return Err(NoAnswer { patience: self.patience, last });
            }
            tokio::time::sleep(pause).await;
            self.encounters.repeated();
        }
    }

    async fn exchange(&self, ask: &Ask<'_>) -> Exchange {
        let heard = |error: reqwest::Error| error.without_url().to_string();
        let response = match ask.send(&self.client, &self.base).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Exchange::Unreachable(heard(error)),
            Err(error) => return Exchange::Unknown { heard: heard(error), retry_after: None },
        };
        match Answer::read(response).await {
            Ok(answer) if answer.status() == 429 => Exchange::Throttled(answer),
            Ok(answer) if answer.status() >= 500 => {
                Exchange::Unknown { heard: answer.to_string(), retry_after: answer.retry_after() }
            }
            Ok(answer) => Exchange::Answered(answer),
            Err(error) => Exchange::Unknown { heard: heard(error), retry_after: None },
        }
    }

    /// How long this client asks for an answer.
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

#[cfg(test)]
mod tests;
