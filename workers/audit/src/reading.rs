//! What both streams hold behind what is sealed.

use bus::{Bus, PositionedMessage, ReadError};
use contracts::subjects;
use store::audit::{Batch, Head};

use crate::batch::assemble;
use crate::metrics;

/// What was read, to be sealed.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub batch: Batch,
    /// There may be more.
    pub is_full: bool,
}

/// A stream ends before what was sealed of it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stream {stream} ends at {last}, but its messages up to {sealed} are sealed: this is \
     another stream, or an older copy of it. Bring the right one back; what this one holds would \
     be passed over"
)]
pub(crate) struct StreamReplaced {
    stream: &'static str,
    last: u64,
    sealed: u64,
}

/// The first messages behind these positions.
pub(crate) async fn read(
    bus: &Bus,
    (audit, events): (u64, u64),
    count: usize,
) -> Result<Read, ReadError> {
    let (entries, facts) = tokio::try_join!(
        bus.messages_from(subjects::AUDIT, audit + 1, count),
        bus.messages_from(subjects::EVENTS, events + 1, count),
    )?;
    note_pending(subjects::AUDIT, &entries);
    note_pending(subjects::EVENTS, &facts);
    let is_full = entries.len() >= count || facts.len() >= count;
    Ok(Read { batch: assemble((audit, events), &entries, &facts), is_full })
}

/// Refuses streams that can't be the ones that were read before.
pub(crate) async fn check_streams(
    bus: &Bus,
    head: &Head,
) -> Result<Result<(), StreamReplaced>, ReadError> {
    for (stream, sealed) in [(subjects::AUDIT, head.audit), (subjects::EVENTS, head.events)] {
        let last = bus.state_of(stream).await?.last;
        if last < sealed {
            return Ok(Err(StreamReplaced { stream, last, sealed }));
        }
    }
    Ok(Ok(()))
}

fn note_pending(stream: &'static str, messages: &[PositionedMessage]) {
    let pending = messages.last().and_then(|last| last.header("Nats-Num-Pending"));
    let pending = pending.and_then(|pending| pending.parse().ok()).unwrap_or(0);
    metrics::PENDING.with_label_values(&[stream]).set(pending);
}
