//! What would become of a dead letter: the same handler in a transaction that is rolled back.

use bus::{Bus, Questions, StoredLetter};
use contracts::dead_letter::QUARANTINED;
use contracts::metadata::header;
use contracts::{BookingCommand, Metadata, Rehearsal, Rehearse, SetException, subjects};
use runtime::Shutdown;
use store::booking::letters::{date_was_set_since, hours_were_set_since};
use store::booking::rehearsal::Rehearsed;
use store::booking::{Failure, Transaction, Work};

use crate::{Request, Settler};

/// Those who share the questions.
const GROUP: &str = "booking";

/// Answers whoever asks, until the soft stop.
pub(crate) struct RehearsalDesk {
    stage: Stage,
    questions: Questions,
}

/// What a rehearsal needs. Clones share it.
#[derive(Clone)]
struct Stage {
    bus: Bus,
    settler: Settler,
}

impl RehearsalDesk {
    /// Takes questions from now on.
    pub async fn open(bus: &Bus, settler: Settler) -> Result<Self, bus::NotReady> {
        let questions = bus.questions(subjects::REHEARSE_BOOKING, GROUP).await?;
        Ok(Self { stage: Stage { bus: bus.clone(), settler }, questions })
    }

    /// Answers one question after the other.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            let question = tokio::select! {
                question = self.questions.next() => question,
                () = shutdown.soft_stopped() => return,
            };
            let Some(question) = question else { return };
            // Who asks what can't be read is of another version, and waits in vain.
            if let Some(Rehearse { dead_sequence }) = question.read() {
                let stage = self.stage.clone();
                let rehearsal = caught(async move { stage.rehearse(dead_sequence).await }).await;
                question.answer(&rehearsal).await;
            }
        }
    }
}

/// A panic is what becomes of the letter, not of the worker: it may well have died of that.
async fn caught(rehearsing: impl Future<Output = Rehearsal> + Send + 'static) -> Rehearsal {
    tokio::spawn(rehearsing).await.unwrap_or_else(|_panic| Rehearsal::WouldFail {
        class: "panic".to_owned(),
        detail: "the handler panicked".to_owned(),
    })
}

impl Stage {
    async fn rehearse(&self, dead_sequence: u64) -> Rehearsal {
        match self.bus.dead_letter(dead_sequence).await {
            Ok(Some(letter)) => rehearse(&self.settler, &letter).await,
            Ok(None) => Rehearsal::Gone,
            Err(error) => Rehearsal::Unavailable { detail: error.to_string() },
        }
    }
}

async fn rehearse(settler: &Settler, letter: &StoredLetter) -> Rehearsal {
    if letter.header(header::DEAD_ERROR_CLASS) == Some(QUARANTINED) {
        return Rehearsal::TooDangerous;
    }
    let would_fail = |class: &str, detail| Rehearsal::WouldFail { class: class.to_owned(), detail };
    let metadata = match letter.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return would_fail("envelope", error.to_string()),
    };
    match BookingCommand::from_message(&metadata, &letter.body) {
        Ok(command) => settler.rehearse(&metadata, &command).await,
        Err(error) => would_fail("undecodable", error.to_string()),
    }
}

impl Settler {
    /// Settles a request, says what became of it, and leaves nothing behind.
    pub async fn rehearse(&self, metadata: &Metadata, command: &BookingCommand) -> Rehearsal {
        // Nobody reads the position of what is rolled back.
        let requests = &[Request { metadata, command, stream_sequence: 0 }];
        let rehearsed = match self.pool().transact(&WasSuperseded(&requests[0])).await {
            Ok(true) => return Rehearsal::Superseded,
            Ok(false) => self.pool().transact(&Rehearsed(&self.segment(requests))).await,
            Err(failure) => Err(failure),
        };
        match rehearsed {
            Ok((mut settlements, writes)) => match settlements.pop() {
                Some(it) if it.is_new => Rehearsal::WouldSettle { outcome: it.outcome, writes },
                Some(it) => Rehearsal::AlreadySettled { outcome: it.outcome },
                None => Rehearsal::WouldFail {
                    class: "verdicts".to_owned(),
                    detail: "the handler gave no outcome".to_owned(),
                },
            },
            Err(Failure::Refused { class, detail }) => {
                Rehearsal::WouldFail { class: class.to_owned(), detail }
            }
            Err(away) => Rehearsal::Unavailable { detail: away.to_string() },
        }
    }
}

/// Whether a later request did what this one would undo. A booking can't undo anything; a change of
/// a visit, a note, a location or a visit type names the version it changes; opening hours just
/// replace those before them.
struct WasSuperseded<'a>(&'a Request<'a>);

impl Work for WasSuperseded<'_> {
    type Output = bool;
    const NAME: &'static str = "was_superseded";
    const COMMITS: bool = false;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<bool, Failure> {
        let Request { metadata, command, .. } = self.0;
        let accepted_at = metadata.accepted_at;
        match command {
            BookingCommand::SetAvailability(set) => {
                hours_were_set_since(transaction, set.practitioner_id, accepted_at).await
            }
            BookingCommand::SetException(set) => {
                let SetException { practitioner_id, date, .. } = *set;
                date_was_set_since(transaction, practitioner_id, date, accepted_at).await
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_rehearsal_and_nothing_else() {
        let rehearsal = caught(async { panic!("as a handler might") }).await;
        assert!(matches!(rehearsal, Rehearsal::WouldFail { class, .. } if class == "panic"));
        assert_eq!(caught(async { Rehearsal::Gone }).await, Rehearsal::Gone);
    }
}
