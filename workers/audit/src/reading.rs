//! What both streams hold behind what is sealed.

use bus::{Bus, PositionedMessage, ReadError};
use contracts::subjects;
use store::audit::{Batch, Position, Positions};

use crate::batch::assemble;
use crate::metrics;

/// What was read, to be sealed.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub batch: Batch,
    /// There may be more.
    pub is_full: bool,
}

/// What was read of one stream.
#[derive(Debug)]
pub(crate) struct Look {
    pub stream: &'static str,
    /// Where it was begun.
    pub behind: Position,
    /// The stream of that name that was read before, when it is another one.
    pub instead_of: Option<Position>,
    pub messages: Vec<PositionedMessage>,
}

/// Nothing can be sealed now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A stream ends before what was sealed of it.
    #[error(
        "the stream {stream} ends at {last}, but its messages up to {sealed} are sealed: it is an \
         older copy of itself. Bring the right one back; what comes into this one would be passed \
         over"
    )]
    SetBack { stream: &'static str, last: u64, sealed: u64 },
}

/// The first messages behind these positions.
pub(crate) async fn read(bus: &Bus, behind: Positions, count: usize) -> Result<Read, LookError> {
    let (entries, facts) = tokio::try_join!(
        look(bus, subjects::AUDIT, behind.audit, count),
        look(bus, subjects::EVENTS, behind.events, count),
    )?;
    let is_full = entries.messages.len() >= count || facts.messages.len() >= count;
    Ok(Read { batch: assemble(&entries, &facts), is_full })
}

/// Reads a stream behind a position; one that was made anew under its name, from its beginning.
async fn look(
    bus: &Bus,
    stream: &'static str,
    sealed: Position,
    count: usize,
) -> Result<Look, LookError> {
    let mut behind = sealed;
    if behind.created_at.is_none() {
        behind.created_at = Some(bus.state_of(stream).await?.created_at);
    }
    loop {
        let mut messages = bus.messages_from(stream, behind.sequence + 1, count).await?;
        let last = leave_out_doubtful(bus, stream, behind, &mut messages).await?;
        // Asked after it was read: so it was not read from a later one.
        let state = bus.state_of(stream).await?;
        if behind.created_at != Some(state.created_at) {
            behind = Position { created_at: Some(state.created_at), sequence: 0 };
            continue;
        }
        if state.last < last {
            return Err(LookError::SetBack { stream, last: state.last, sealed: last });
        }
        metrics::PENDING.with_label_values(&[stream]).set((state.last - last).cast_signed());
        let is_another = sealed.created_at.is_some() && sealed.created_at != behind.created_at;
        return Ok(Look { stream, behind, instead_of: is_another.then_some(sealed), messages });
    }
}

/// Before messages are called missing, they are asked for once more: what follows a hole that
/// isn't there the second time is left for the next look. Gives the last sequence that is left.
async fn leave_out_doubtful(
    bus: &Bus,
    stream: &'static str,
    behind: Position,
    messages: &mut Vec<PositionedMessage>,
) -> Result<u64, ReadError> {
    let mut last = behind.sequence;
    for index in 0..messages.len() {
        let found = messages[index].sequence;
        if found > last + 1 {
            let again = bus.messages_from(stream, last + 1, 1).await?;
            if again.first().is_none_or(|message| message.sequence != found) {
                tracing::warn!(nats.stream = stream, gap.from = last + 1, "a hole, read again");
                messages.truncate(index);
                break;
            }
        }
        last = found;
    }
    Ok(last)
}
