//! Tables `dead_letters` and `dead_letter_actions`: what operators and administrators do.
//!
//! A state is changed only from the state that whoever changes it has seen: of two at once, one
//! changes it, and the other is told.

use domain::DeadLetterId;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// How long a replay that was begun is left alone before somebody else may take it up: longer
/// than whoever began it tries to publish.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// What somebody does with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Looks at what was asked.
    Unmask,
    /// Tries it again.
    Replay,
    /// Decides that it isn't tried again.
    Discard,
}

impl Deed {
    /// The word that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmask => "unmask",
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }
}

impl CallerTx {
    /// From open to replaying; false when it isn't open (any more), or has died again since the
    /// caller looked. A replay that was begun and never published counts as open for whoever began
    /// it, and for everybody once it was left behind.
    pub async fn begin_replay(
        &mut self,
        id: DeadLetterId,
        generation: i32,
        operation: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = sqlx::query!(
            "UPDATE dead_letters
             SET state = 'replaying', changed_at = $3, replay_operation = $4,
                 replay_sequence = NULL
             WHERE id = $1 AND generation = $2 AND (state = 'open'
                 OR (state = 'replaying' AND replay_sequence IS NULL
                     AND (replay_operation = $4 OR changed_at < $5)))",
            id.as_uuid(),
            generation,
            jiff_sqlx::Timestamp::from(now) as _,
            operation,
            jiff_sqlx::Timestamp::from(now - ABANDONED_AFTER) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// The message is in its stream again.
    pub async fn note_replayed(
        &mut self,
        id: DeadLetterId,
        operation: Uuid,
        sequence: u64,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE dead_letters SET replay_sequence = $3
             WHERE id = $1 AND replay_operation = $2 AND state = 'replaying'",
            id.as_uuid(),
            operation,
            sequence.cast_signed(),
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The message was certainly not published: the letter is open again.
    pub async fn take_back_replay(
        &mut self,
        id: DeadLetterId,
        operation: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE dead_letters SET state = 'open', changed_at = $3, replay_operation = NULL
             WHERE id = $1 AND replay_operation = $2 AND state = 'replaying'
                 AND replay_sequence IS NULL",
            id.as_uuid(),
            operation,
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// From open to discarded, and the generation that was discarded; none when it isn't open (any
    /// more).
    pub async fn discard(
        &mut self,
        id: DeadLetterId,
        now: Timestamp,
    ) -> Result<Option<i32>, StoreError> {
        let generation = sqlx::query_scalar!(
            "UPDATE dead_letters SET state = 'discarded', changed_at = $2
             WHERE id = $1 AND state = 'open' RETURNING generation",
            id.as_uuid(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_optional(self.connection())
        .await?;
        Ok(generation)
    }

    /// Writes down that the caller does this, and why.
    pub async fn record_deed(
        &mut self,
        id: DeadLetterId,
        deed: Deed,
        generation: i32,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (actor, correlation_id) = (self.actor, self.correlation_id);
        sqlx::query!(
            "INSERT INTO dead_letter_actions
                 (id, letter_id, action, generation, actor_id, actor_role, correlation_id, reason,
                  acted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            Uuid::now_v7(),
            id.as_uuid(),
            deed.as_str(),
            generation,
            actor.id.as_uuid(),
            actor.role.as_str(),
            correlation_id.as_uuid(),
            reason,
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
