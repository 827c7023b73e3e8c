//! From `MC_DEAD`, which keeps the bytes, into `dead_letters`, which keeps the state.
//!
//! Whoever writes a letter writes only to the stream; the table follows it by position. A crash at
//! any point leaves the position behind, and what lies after it is read again.

use std::collections::HashSet;
use std::time::Duration;

use bus::{Bus, ReadError, StreamState};
use contracts::{LetterFacts, subjects};
use domain::SharedClock;
use resilience::RetryDelays;
use runtime::Shutdown;
use store::booking::letters::{AddLetters, ReadPosition, ResolveLetters};
use store::booking::{Failure, Pool};

use crate::metrics;

/// How often the stream is looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// Pauses after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Letters that are read at once.
const AT_ONCE: u64 = 1_000;

/// Keeps the table in step with the stream.
pub(crate) struct LettersLoop {
    pub bus: Bus,
    pub pool: Pool,
    pub clock: SharedClock,
}

/// Why a step wasn't made. The next one makes up for it.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error(transparent)]
    Stream(#[from] ReadError),
    #[error(transparent)]
    Table(#[from] Failure),
}

impl LettersLoop {
    /// Runs until the soft stop.
    pub async fn run(self, shutdown: Shutdown) {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        let mut position = None;
        let mut is_failing = false;
        loop {
            let pause = match self.step(&mut position).await {
                Ok(()) => {
                    pauses.reset();
                    is_failing = false;
                    PAUSE
                }
                Err(missed) => {
                    if !is_failing {
                        tracing::warn!(%missed, "dead letters are not listed yet");
                    }
                    is_failing = true;
                    pauses.next_delay()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.soft_stopped() => return,
            }
        }
    }

    async fn step(&self, known: &mut Option<u64>) -> Result<(), Missed> {
        let position = match *known {
            Some(position) => position,
            None => self.pool.transact(&ReadPosition).await?,
        };
        let stream = self.bus.state_of(subjects::DEAD).await?;
        // A stream that ends before the position was made anew.
        let mut position = if stream.last < position { 0 } else { position };
        while position < stream.last {
            position = self.take(stream, position).await?;
            *known = Some(position);
        }
        *known = Some(position);
        let open = self.pool.transact(&ResolveLetters { at: self.clock.now() }).await?;
        metrics::OPEN_LETTERS.set(open);
        Ok(())
    }

    /// Takes the next letters over, and says how far that is.
    async fn take(&self, stream: StreamState, position: u64) -> Result<u64, Missed> {
        let first = stream.first.max(position + 1);
        let last = stream.last.min(first + AT_ONCE - 1);
        let mut letters = Vec::new();
        self.bus
            .read(subjects::DEAD, first..=last, |message| {
                let (sequence, subject) = (message.sequence, &message.subject);
                let get = |name| message.header(name);
                letters.push(LetterFacts::read(sequence, subject, message.stored_at, get));
            })
            .await?;
        for (letters, position) in one_copy_each(letters, last) {
            let work = AddLetters { letters: &letters, position, at: self.clock.now() };
            self.pool.transact(&work).await?;
        }
        Ok(last)
    }
}

/// Cuts where a letter comes again, because a statement can't change a row twice; each part with
/// the position behind it.
fn one_copy_each(letters: Vec<LetterFacts>, last: u64) -> Vec<(Vec<LetterFacts>, u64)> {
    let mut parts: Vec<(Vec<LetterFacts>, u64)> = Vec::with_capacity(1);
    let (mut part, mut ids) = (Vec::new(), HashSet::new());
    for letter in letters {
        if !ids.insert(letter.id) {
            let end = letter.dead_sequence - 1;
            parts.push((std::mem::take(&mut part), end));
            ids = HashSet::from([letter.id]);
        }
        part.push(letter);
    }
    parts.push((part, last));
    parts
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn no_part_has_a_letter_twice_and_together_they_are_all() {
        let letter = |sequence: u64, of: u64| {
            let of = of.to_string();
            let get = move |name: &str| match name {
                "Mc-Dead-Origin-Stream" => Some("MC_COMMANDS"),
                "Mc-Dead-Origin-Sequence" => Some(of.clone().leak() as &str),
                _ => None,
            };
            LetterFacts::read(sequence, "mc.dead.booking.book.x", Timestamp::UNIX_EPOCH, get)
        };
        let letters = vec![letter(3, 1), letter(4, 2), letter(5, 1), letter(7, 3)];
        let parts = one_copy_each(letters.clone(), 9);
        let ends: Vec<_> = parts.iter().map(|(part, end)| (part.len(), *end)).collect();
        assert_eq!(ends, [(2, 4), (2, 9)]);
        let all: Vec<_> = parts.into_iter().flat_map(|(part, _)| part).collect();
        assert_eq!(all, letters);
        assert_eq!(one_copy_each(Vec::new(), 9), [(Vec::new(), 9)]);
    }
}
