//! The booking worker's runner and handler, around which a process dies when it meets one message:
//! what a stack overflow, an abort in a library or the kernel's out-of-memory killer do. There is
//! no such switch in the product, so it is put around it here.
//!
//! Usage: `mortal-worker REQUEST_ID [SEQUENCE]`, with the settings of a booking worker in the
//! environment. With a sequence, it begins with that message, as if it had found it skipped.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use booking::{Handler, Precedence, Settler};
use bus::{
    BatchHandler, Bus, ConsumerSpec, DeadReason, FailureCount, HandleError, Received, Runner,
    Verdict,
};
use contracts::{BookingCommand, Metadata};
use domain::{RequestId, SharedClock, SystemClock};
use runtime::{Settings, Shutdown};
use store::booking::Pool;
use tokio::sync::Notify;

/// Dies of one message, and is a booking worker for all others.
struct Mortal {
    handler: Handler,
    dies_of: RequestId,
}

impl BatchHandler for Mortal {
    type Message = BookingCommand;

    fn decode(&self, metadata: &Metadata, body: &[u8]) -> Result<BookingCommand, DeadReason> {
        self.handler.decode(metadata, body)
    }

    async fn handle(
        &self,
        batch: &[Received<BookingCommand>],
    ) -> Result<Vec<Verdict>, HandleError> {
        if batch.iter().any(|received| received.metadata.request_id == self.dies_of) {
            std::process::abort();
        }
        self.handler.handle(batch).await
    }

    async fn probe(&self) -> Result<(), String> {
        self.handler.probe().await
    }

    async fn record_failure(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<FailureCount, HandleError> {
        self.handler.record_failure(stream_sequence, class).await
    }

    async fn forget_failures(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<(), HandleError> {
        self.handler.forget_failures(stream_sequence, class).await
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    runtime::telemetry::install_crypto();
    let dies_of = std::env::args().nth(1).context("which request does it die of?")?.parse()?;
    let settings = Settings::load(None)?;
    let pool = Pool::connect(settings.database.require_booking_url()?, &settings.database)?;
    let bus = Bus::connect(&settings.nats, "mortal").await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let settler = Settler::new(pool, Arc::clone(&clock), Arc::new(Notify::new()));
    let (_, precedence) = Precedence::pair();
    let spec = ConsumerSpec {
        batches_at_once: 1,
        buries: true,
        durable: "booking",
        filter_subject: "mc.cmd.booking.>".to_owned(),
        batch_size: settings.booking.batch_size,
        ack_wait: Duration::from_millis(settings.nats.ack_wait_ms),
    };
    let handler = Mortal { handler: Handler::new(settler, precedence), dies_of };
    let shutdown = Shutdown::on_signals(Duration::from_secs(10))?;
    let runner = Runner::new(bus, spec, handler, clock);
    if let Some(skipped) = std::env::args().nth(2) {
        runner.requeue().hand_over(skipped.parse()?).await?;
    }
    Box::pin(runner.run(shutdown.clone())).await?;
    shutdown.wait().await?;
    Ok(())
}
