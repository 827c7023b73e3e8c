//! Messages that the consumer won't deliver again, handed to the same settling path.
//!
//! Nothing is published a second time: the message keeps its place in the stream, and the inbox
//! sees to it that handing over too much does no harm.

use async_nats::jetstream::stream::DirectGetErrorKind;
use contracts::subjects;
use tokio::sync::mpsc;

use super::delivery::Delivery;
use crate::{Bus, ReadError, metrics};

/// Hands messages of the stream to a runner in this process.
#[derive(Clone, Debug)]
pub struct Requeue {
    pub(super) bus: Bus,
    pub(super) consumer: &'static str,
    /// What the consumer would deliver.
    pub(super) filter_subject: String,
    /// Weak, so that the runner can end.
    pub(super) deliveries: mpsc::WeakSender<Delivery>,
}

impl Requeue {
    /// Hands over the message at this sequence, once there is room for it. False: there is none,
    /// it isn't this consumer's, or the runner has ended.
    ///
    /// What becomes of it shows in the inbox or among the dead letters. A message that is to be
    /// tried again isn't kept: it has to be handed over again.
    pub async fn hand_over(&self, sequence: u64) -> Result<bool, ReadError> {
        let stream = subjects::COMMANDS;
        let unreadable = |reason: String| ReadError::Unreadable { stream, reason };
        let found = self.bus.jetstream.get_stream_no_info(stream).await;
        let found = found.map_err(|error| unreadable(error.to_string()))?;
        let message = match found.direct_get(sequence).await {
            Ok(message) => message,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let wanted = self.filter_subject.trim_end_matches('>');
        let Some(deliveries) = self.deliveries.upgrade() else { return Ok(false) };
        if !message.subject.starts_with(wanted) {
            return Ok(false);
        }
        metrics::get().requeued.with_label_values(&[self.consumer]).inc();
        tracing::warn!(
            consumer = self.consumer,
            nats.sequence = sequence,
            "message has no end, and its consumer won't deliver it: requeued"
        );
        Ok(deliveries.send(Delivery::requeued(message)).await.is_ok())
    }
}
