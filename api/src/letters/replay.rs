//! Trying one letter again: rehearse, take it, publish it.

use bus::{PublishError, Replay, StoredLetter};
use contracts::audit::{AuditAction, StatedReason};
use contracts::dead_letter::QUARANTINED;
use contracts::{Outcome, Rehearsal};
use domain::DeadLetterId;
use store::reading::{Deed, LetterRow, LetterState};
use uuid::Uuid;

use super::not_open;
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// One letter, and why it is tried again.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOrder<'a> {
    /// Which letter.
    pub id: DeadLetterId,
    /// Stands for one decision of somebody's: asking the same again is no second replay.
    pub operation: Uuid,
    /// Why.
    pub reason: &'a StatedReason,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What was done with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Its message is in the stream again.
    Published,
    /// Nothing, because that was wanted; it would be published.
    WouldBePublished,
}

impl App {
    /// Tries a letter again, or says why that would make no sense.
    pub async fn replay(
        &self,
        caller: &Caller,
        recorder: &Recorder,
        order: ReplayOrder<'_>,
    ) -> Result<Replayed, Problem> {
        let letter = self.letter(caller, order.id).await?;
        let is_this_operations = letter.replay_operation == Some(order.operation);
        let is_published = letter.replay_sequence.is_some();
        match letter.state {
            LetterState::Replaying | LetterState::Resolved
                if is_this_operations && is_published =>
            {
                return Ok(Replayed::Published);
            }
            LetterState::Open => {}
            LetterState::Replaying if !is_published => {}
            other => return Err(not_open(other.as_str())),
        }
        if letter.request_id.is_none() {
            return Err(ProblemType::LetterNotReplayable.into());
        }
        self.check_that_it_makes_sense(&letter).await?;
        let stored = self.bus.dead_letter(letter.dead_sequence).await?;
        let stored = stored.ok_or(ProblemType::LetterNotReplayable)?;
        if order.dry_run {
            return Ok(Replayed::WouldBePublished);
        }
        let note = Note::maintenance(AuditAction::Execute, order.id, order.reason);
        let replaying = async {
            self.take(caller, order, &letter, is_this_operations).await?;
            self.publish(caller, order, &letter, &stored).await
        };
        recorder.around(note, replaying).await?;
        tracing::info!(
            letter.id = %order.id,
            request.id = letter.request_id.map(tracing::field::display),
            generation = letter.generation + 1,
            "a dead letter was replayed"
        );
        Ok(Replayed::Published)
    }

    async fn check_that_it_makes_sense(&self, letter: &LetterRow) -> Result<(), Problem> {
        // Trying it out is what ends workers; the replay itself is watched.
        if letter.error_class == QUARANTINED {
            return Ok(());
        }
        judge(&self.rehearse(letter).await?)
    }

    /// Of several who want to replay the letter, one gets past here.
    async fn take(
        &self,
        caller: &Caller,
        order: ReplayOrder<'_>,
        letter: &LetterRow,
        is_recorded: bool,
    ) -> Result<(), Problem> {
        let ReplayOrder { id, operation, reason, .. } = order;
        let now = self.clock.now();
        let mut change = self.change_as(caller).await?;
        if !change.begin_replay(id, letter.generation, operation, now).await? {
            return Err(not_open("no longer what it was a moment ago"));
        }
        if !is_recorded {
            let generation = letter.generation;
            change.record_deed(id, Deed::Replay, generation, reason.as_str(), now).await?;
        }
        Ok(change.commit().await?)
    }

    async fn publish(
        &self,
        caller: &Caller,
        order: ReplayOrder<'_>,
        letter: &LetterRow,
        stored: &StoredLetter,
    ) -> Result<(), Problem> {
        let ReplayOrder { id, operation, .. } = order;
        let generation = letter.generation + 1;
        let replay = Replay { of: id, generation, by: caller.actor };
        let problem = match self.bus.replay(stored, &replay).await {
            Ok(Some(accepted)) => {
                let mut change = self.change_as(caller).await?;
                change.note_replayed(id, operation, accepted.stream_sequence).await?;
                return Ok(change.commit().await?);
            }
            Err(PublishError::Unknown) => {
                return Err(Problem::new(ProblemType::Unavailable).with_detail(
                    "it isn't known whether the letter was replayed: repeat it, which is safe",
                ));
            }
            Err(error) => Problem::from(error),
            Ok(None) => ProblemType::LetterNotReplayable.into(),
        };
        let mut change = self.change_as(caller).await?;
        change.take_back_replay(id, operation, self.clock.now()).await?;
        change.commit().await?;
        Err(problem)
    }
}

/// Whether a replay makes sense, by its rehearsal.
fn judge(rehearsal: &Rehearsal) -> Result<(), Problem> {
    match rehearsal {
        Rehearsal::WouldSettle {
            outcome: Outcome::Rejected { reason } | Outcome::Blocked { reason, .. },
            ..
        } => {
            let title = ProblemType::from(*reason).title();
            Err(Problem::new(ProblemType::ReplayRejected)
                .with_detail(format!("{}: {title}", reason.as_str())))
        }
        Rehearsal::WouldSettle { .. } | Rehearsal::TooDangerous => Ok(()),
        Rehearsal::AlreadySettled { outcome } => Err(Problem::new(ProblemType::ReplaySettled)
            .with_detail(format!("its request was {} another way", outcome.as_str()))),
        Rehearsal::Superseded => Err(ProblemType::ReplaySuperseded.into()),
        Rehearsal::WouldFail { class, detail } => {
            Err(Problem::new(ProblemType::ReplayWouldFail)
                .with_detail(format!("{class}: {detail}")))
        }
        Rehearsal::Gone | Rehearsal::Unavailable { .. } => {
            Err(ProblemType::LetterNotReplayable.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::Rejection;

    use super::*;

    fn refusal(rehearsal: &Rehearsal) -> Option<&'static str> {
        judge(rehearsal).err().map(|problem| problem.kind().slug())
    }

    #[test]
    fn only_what_would_be_done_is_replayed() {
        let settle = |outcome| Rehearsal::WouldSettle { outcome, writes: Vec::new() };
        assert_eq!(refusal(&settle(Outcome::Withdrawn)), None);
        for reason in Rejection::ALL {
            let rejected = Outcome::Rejected { reason: *reason };
            assert_eq!(refusal(&settle(rejected)), Some("replay_rejected"));
        }
        let settled = Rehearsal::AlreadySettled { outcome: Outcome::Withdrawn };
        assert_eq!(refusal(&settled), Some("replay_settled"));
        assert_eq!(refusal(&Rehearsal::Superseded), Some("replay_superseded"));
        let failing = Rehearsal::WouldFail { class: "x".to_owned(), detail: "y".to_owned() };
        assert_eq!(refusal(&failing), Some("replay_would_fail"));
    }
}
